import type { BundledLog, BundleManifest, Findings, RunledgerRecord } from "@runledger/contract";

/** Are the entries those that the manifest says? */
export interface SelectionCheck {
  /** True when the entry is selected, false when it stands beside the selection, or is a finding. */
  add(index: number, record: RunledgerRecord): boolean;
  finish(): void;
  /** The act at an index, if it says that it destroyed the key. */
  destructionBy(index: number, keyId: string): Destruction | null;
  /** The first act of an erasure that says that it destroyed the key. */
  erasureOf(keyId: string): number | null;
}

/** An act that destroyed keys. */
export interface Destruction {
  receivedMs: number;
  /** Of an expiry, how old contents must be, if it says so; else 0. */
  retentionMs: number;
}

export function createSelectionCheck(
  { filter, tenant }: BundleManifest,
  { range, hidden, tree_size }: BundledLog,
  findings: Findings,
): SelectionCheck {
  const destructions = new Map<number, Destroyed>();
  /** By key, or by what keys begin with: the first act. */
  const erasures = new Map<string, number>();
  const [first, end] = range ?? [0, Number.POSITIVE_INFINITY];
  let inside = 0;
  let before: string | null = null;
  let after: string | null = null;

  return {
    add(index, record) {
      const where = `entry ${index}`;
      const erased = destroyedBy(record);
      if (erased !== null) destructions.set(index, erased);
      if (erased?.isExpiry === false)
        for (const id of [...erased.ids, ...erased.prefixes]) if (!erasures.has(id)) erasures.set(id, index);
      // What expires is of all tenants, and the act that says so of the installation's.
      if (record.tenant !== tenant && erased?.isExpiry === true) return false;
      if (record.tenant !== tenant) {
        findings.add("TAMPERED", where, `it is of the tenant ${record.tenant}, not of ${tenant}`);
        return false;
      }
      if (index >= first && index < end) {
        inside++;
        return true;
      }
      if (index === first - 1) before = record.received_time;
      else if (index === end) after = record.received_time;
      else if (erased === null) findings.add("TAMPERED", where, "it is outside of the range that was exported");
      return false;
    },
    finish() {
      if (range === null) return;
      const missing = end - first - (hidden ?? 0) - inside;
      if (missing > 0)
        findings.add("INCOMPLETE", "entries", `${missing} of the ${end - first} entries from ${first} on are missing`);
      if (missing < 0) findings.add("TAMPERED", "entries", `there are ${-missing} more than bundle.json says`);
      // Who passes a bundle on may cut a side off for which no time was asked.
      if (filter.since === undefined && first > 0)
        findings.add(
          "INCOMPLETE",
          "entries",
          `nothing was asked for that leaves out the first ${first}: the range is cut short`,
        );
      if (filter.until === undefined && end < tree_size)
        findings.add(
          "INCOMPLETE",
          "entries",
          `nothing was asked for that leaves out the last ${tree_size - end}: the range is cut short`,
        );
      if (filter.since !== undefined && first > 0)
        checkBoundary(before, (time) => time < (filter.since as string), `entry ${first - 1}`, findings);
      if (filter.until !== undefined && end < tree_size)
        checkBoundary(after, (time) => time >= (filter.until as string), `entry ${end}`, findings);
    },
    destructionBy(index, keyId) {
      const destroyed = destructions.get(index);
      const isNamed = destroyed?.ids.has(keyId) || destroyed?.prefixes.has(keyId.slice(0, PREFIX_DIGITS));
      return destroyed !== undefined && isNamed ? destroyed : null;
    },
    erasureOf: (keyId) => erasures.get(keyId) ?? erasures.get(keyId.slice(0, PREFIX_DIGITS)) ?? null,
  };
}

/** The entry next to the range, the tenant's own, shows that the range ends where the time does. */
function checkBoundary(
  time: string | null,
  isOutside: (time: string) => boolean,
  where: string,
  findings: Findings,
): void {
  if (time === null) {
    findings.add("INCOMPLETE", where, "it must show where the range ends, and is missing");
  } else if (!isOutside(time)) {
    findings.add(
      "INCOMPLETE",
      where,
      `it was received at ${time}, within the time that was asked for: the range is cut short`,
    );
  }
}

interface Destroyed extends Destruction {
  isExpiry: boolean;
  ids: ReadonlySet<string>;
  /** Of the ids of whole months. */
  prefixes: ReadonlySet<string>;
}

const PREFIX_DIGITS = 3;
const DAY_MS = 86_400_000;

/** Null unless the record is the act of an erasure, or of an expiry. */
function destroyedBy({ event, act, received_time }: RunledgerRecord): Destroyed | null {
  // Acts are made with the installation's own key alone; what else has such a member excuses nothing.
  if (event !== "act") return null;
  if (act?.action !== "erasure" && act?.action !== "expiry") return null;
  const textsOf = (value: unknown): ReadonlySet<string> =>
    new Set((Array.isArray(value) ? value : []).filter((each) => typeof each === "string"));
  const isExpiry = act.action === "expiry";
  const days = Number.isSafeInteger(act.target["retention_days"]) ? Number(act.target["retention_days"]) : 0;
  return {
    ...{ isExpiry, receivedMs: Date.parse(received_time), retentionMs: isExpiry ? days * DAY_MS : 0 },
    ids: textsOf(act.target["key_ids"]),
    prefixes: textsOf(act.target["key_id_prefixes"]),
  };
}
