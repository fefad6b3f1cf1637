import { randomUUID } from "node:crypto";
import { statePath } from "@runledger/contract";
import { createStateDocument, type Objects, type StateDocument } from "@runledger/storage";
import { z } from "zod";

/** What bears on evidence, by name; no secrets. */
const settingsInForce = z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]));
export type SettingsInForce = z.infer<typeof settingsInForce>;

const changedSettings = z.strictObject({
  change_id: z.string(),
  /** Epoch ms, of the start that found it. */
  time_ms: z.number().int(),
  /** The user of the operating system. */
  by: z.string(),
  reason: z.string().nullable(),
  /** By name. Null before: not told then. */
  changes: z.record(
    z.string(),
    z.strictObject({ before: settingsInForce.valueType, after: settingsInForce.valueType }),
  ),
});
export type ChangedSettings = z.infer<typeof changedSettings>;

const document = z.strictObject({
  /** Of the last start; null: there was none. */
  in_force: settingsInForce.nullable(),
  /** Changes that wait to become records of the log. */
  due: z.array(changedSettings),
});
export type NotedSettings = z.infer<typeof document>;

const MAX_DUE = 100;

/** Of each shard its own: collectors over one store may differ. */
export function createNotedSettings(objects: Objects, shard: string): StateDocument<NotedSettings> {
  return createStateDocument(objects, statePath(`settings/${shard}`), document, { in_force: null, due: [] });
}

/**
 * At a start: what has changed since the last one waits from here on to be recorded. A log's first start changes nothing; `logIsEmpty` tells, so that where the
 * note of an older log is gone, or was never made, all that is in force is told as new.
 */
export async function noteSettings(
  noted: StateDocument<NotedSettings>,
  inForce: SettingsInForce,
  { logIsEmpty, ...act }: Pick<ChangedSettings, "time_ms" | "by" | "reason"> & { logIsEmpty: boolean },
): Promise<void> {
  await noted.update((state) => {
    const before = state.in_force ?? (logIsEmpty ? inForce : {});
    const changes = changesBetween(before, inForce);
    if (Object.keys(changes).length === 0) return state.in_force === null ? { ...state, in_force: inForce } : state;
    const due = [...state.due, { change_id: randomUUID(), ...act, changes }];
    return { in_force: inForce, due: due.slice(-MAX_DUE) };
  });
}

function changesBetween(before: SettingsInForce, after: SettingsInForce): ChangedSettings["changes"] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  const told = names.map((name) => [name, { before: before[name] ?? null, after: after[name] ?? null }] as const);
  return Object.fromEntries(told.filter(([, change]) => change.before !== change.after));
}
