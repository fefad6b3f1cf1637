import { z } from "zod";
import type { RunledgerRecord } from "../record/record.ts";

/** An act of the log by which data keys were destroyed, so that what was sealed under them can't be read any more. */
export interface Destruction {
  /** `erasure`: of a person or run, on request; `expiry`: by its class's retention. */
  action: "erasure" | "expiry";
  /** Of the act's entry in the log. */
  logIndex: number;
  /** Which log, where several were told of; else absent. */
  shard?: string;
  /** Who did it: the name of the key, or of the part of Runledger. */
  by: string;
  reason: string | null;
  time: string;
}

/** Which keys the log itself says are destroyed. Memory grows with the number of erased keys, not of records. */
export interface DestroyedKeys {
  /** To be told of every record, in order, of one log or of several. */
  note(record: Pick<RunledgerRecord, "act" | "start_time"> & { event: string }, logIndex: number, shard?: string): void;
  of(keyId: string): Destruction | null;
  /** An expiry names it, whatever else destroyed it before: what it sealed may be removed whole. */
  isExpired(keyId: string): boolean;
  readonly destructions: readonly Destruction[];
}

/** Whole key ids, or what the ids of a month begin with (three hex digits). */
const texts = z
  .array(z.unknown())
  .catch([])
  .transform((all) => all.filter((each) => typeof each === "string"));
/** What is no text names no key, and takes none of the others' names away. */
const target = z.object({ key_ids: texts, key_id_prefixes: texts });
const MIN_PREFIX_DIGITS = 3;

export function createDestroyedKeys(): DestroyedKeys {
  const destructions: Destruction[] = [];
  const byId = new Map<string, Destruction>();
  const byPrefix = new Map<string, Destruction>();
  const expired = new Set<string>();
  return {
    note: ({ event, act, start_time: time }, logIndex, shard) => {
      // Acts are made with the installation's own key alone; what else has such a member excuses nothing.
      if (event !== "act") return;
      if (act?.action !== "erasure" && act?.action !== "expiry") return;
      const parsed = target.safeParse(act.target);
      if (!parsed.success) return;
      const destruction: Destruction = {
        action: act.action,
        logIndex,
        ...(shard === undefined ? {} : { shard }),
        by: act.actor.name,
        reason: act.reason,
        time,
      };
      destructions.push(destruction);
      if (act.action === "expiry") for (const name of Object.values(parsed.data).flat()) expired.add(name);
      for (const id of parsed.data.key_ids) if (!byId.has(id)) byId.set(id, destruction);
      for (const prefix of parsed.data.key_id_prefixes)
        if (prefix.length >= MIN_PREFIX_DIGITS && !byPrefix.has(prefix)) byPrefix.set(prefix, destruction);
    },
    of: (keyId) => byId.get(keyId) ?? byPrefix.get(keyId.slice(0, MIN_PREFIX_DIGITS)) ?? null,
    isExpired: (keyId) => expired.has(keyId) || expired.has(keyId.slice(0, MIN_PREFIX_DIGITS)),
    destructions,
  };
}
