import type { ExportFilter } from "@runledger/contract";
import type { ScannedEntry } from "./export-log.ts";

/** How deep a target is looked into. */
const MAX_DEPTH = 6;

/** Is the entry an act that concerns these runs: does its target name one of them, what they were chosen by, a key of their payloads, or everything? */
export function isConcerned(
  { event, act }: ScannedEntry,
  runIds: ReadonlySet<string>,
  { agent, task_type, session, user }: ExportFilter,
  keyIds: ReadonlySet<string>,
): boolean {
  if (event !== "act" || act === undefined) return false;
  const names = new Set([agent, task_type, session, user].filter((name) => name !== undefined));
  const isNamed = (value: unknown, depth: number): boolean => {
    if (typeof value === "string") return runIds.has(value) || keyIds.has(value) || names.has(value);
    if (typeof value !== "object" || value === null || depth === MAX_DEPTH) return false;
    return Object.values(value).some((member) => isNamed(member, depth + 1));
  };
  const { scope } = act.target;
  const isOfAll = typeof scope === "object" && scope !== null && "all" in scope;
  return isOfAll || isNamed(act.target, 0);
}
