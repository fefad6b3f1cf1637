import type { ControlState } from "../control/control-state.ts";
import type { Feature } from "../dependencies.ts";
import { registerHolds } from "../holds/route.ts";
import { createEndsOfLogs } from "./ends-of-logs.ts";
import { createEraser } from "./erase.ts";
import { createErasureStore } from "./erasure-store.ts";
import { registerErasures } from "./route.ts";
import { startUpkeep } from "./upkeep.ts";

/** As that of `RUNLEDGER_RETENTION_DAYS`. */
const DEFAULT_RETENTION_DAYS = 400;

/** Erasures, legal holds, and the expiry of content. */
export function registerPrivacy(feature: Feature, { lease }: Pick<ControlState, "lease">): void {
  const { keyring, objects } = feature.dependencies;
  const store = createErasureStore(objects);
  const { retentionDays } = feature.settings;
  const ends = createEndsOfLogs(objects);
  const kept = { store, ends, lease, rowsKeptDays: retentionDays ?? DEFAULT_RETENTION_DAYS };
  const eraser = keyring && createEraser({ ...feature.dependencies, keyring, ...kept });
  registerHolds(feature);
  registerErasures(feature, eraser, lease);
  startUpkeep(feature, eraser, lease);
}
