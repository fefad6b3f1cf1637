import type { Feature } from "../dependencies.ts";
export function registerAlerts(_feature: Feature): void {}
