import { RANGES, type Range } from "../runs/run-search.ts";

/** What the page's list may be narrowed to; "approval.*" is every action of that kind. */
export const ACTIONS = [
  "content.read",
  "export.*",
  "kill",
  "kill.lift",
  "approval.*",
  "erasure",
  "expiry",
  "hold.*",
  "key.*",
  "alert_rule.change",
  "master_key.rotate",
  "settings.change",
  "alert.*",
] as const;

export interface ActsSearch {
  action?: string;
  actor?: string;
  range?: Range;
}

export function readActsSearch(raw: Record<string, unknown>): ActsSearch {
  const range = RANGES.find(({ value }) => value === raw["range"])?.value;
  return {
    ...(raw["action"] ? { action: String(raw["action"]) } : {}),
    ...(raw["actor"] ? { actor: String(raw["actor"]) } : {}),
    ...(range ? { range } : {}),
  };
}
