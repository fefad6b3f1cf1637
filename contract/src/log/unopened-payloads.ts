import { isSealed } from "../record/payload-reading.ts";
import type { PayloadRef } from "../record/record.ts";
import type { DestroyedKeys, Destruction } from "./destroyed-keys.ts";
import type { LogError } from "./log-error.ts";
import type { Findings } from "./verification.ts";

/** Sealed payloads that could not be opened, and why that is so. Stored bytes of each were checked against its hash. */
export interface SealedPayloads {
  /** No key was at hand, and the log does not say that it was destroyed. */
  unopened: number;
  /** Their keys were destroyed on request, or when their time was over; the log says so. */
  erased: number;
  expired: number;
  /** The acts that say so, with how many payloads each explains. */
  destructions: (Destruction & { payloads: number })[];
}

/** Why a payload is not opened is known only at the log's end: its key's destruction is recorded after it. */
export interface UnopenedPayloads {
  add(ref: PayloadRef, where: string, error: LogError): void;
  /** A payload that was opened: its key is there. */
  opened(ref: PayloadRef): void;
  /** `elsewhere`: what acts of other logs have destroyed. */
  finish(
    destroyed: DestroyedKeys,
    findings: Findings,
    elsewhere?: Pick<DestroyedKeys, "of" | "isExpired">,
  ): SealedPayloads;
}

/** Beyond that many keys, payloads are counted but not told apart. */
const MAX_KEYS = 200_000;
const MAX_NAMED = 3;

interface OfKey {
  payloads: number;
  /** Of those, packs that are missing. */
  missing: { where: string; what: string }[];
  named: string[];
}

/** `keysAtHand`: a key that is not found is gone. Otherwise nobody looked for it. */
export function createUnopenedPayloads(keysAtHand: boolean): UnopenedPayloads {
  const byKey = new Map<string, OfKey>();
  let untold = 0;
  const present = new Set<string>();
  return {
    opened: (ref) => {
      if (isSealed(ref) && present.size < MAX_KEYS) present.add(ref.key_id);
    },
    add: (ref, where, error) => {
      const keyId = isSealed(ref) ? ref.key_id : "";
      const known = byKey.get(keyId);
      if (known === undefined && byKey.size >= MAX_KEYS) {
        untold++;
        return;
      }
      const ofKey = known ?? { payloads: 0, missing: [], named: [] };
      byKey.set(keyId, ofKey);
      ofKey.payloads++;
      if (ofKey.named.length < MAX_NAMED) ofKey.named.push(where);
      if (error.code === "missing") ofKey.missing.push({ where, what: error.message });
    },
    finish: (destroyed, findings, elsewhere) => {
      const counts = { unopened: untold, erased: 0, expired: 0 };
      const explained = new Map<Destruction, number>(destroyed.destructions.map((one) => [one, 0]));
      for (const [keyId, { payloads, missing, named }] of byKey) {
        const destruction = destroyed.of(keyId) ?? elsewhere?.of(keyId) ?? null;
        // What has expired may be removed whole, be it erased before; what is erased alone stays, unreadable.
        const mayBeGone = destroyed.isExpired(keyId) || elsewhere?.isExpired(keyId) === true;
        if (!mayBeGone) for (const { where, what } of missing) findings.add("INCOMPLETE", where, what);
        const left = mayBeGone ? payloads : payloads - missing.length;
        if (destruction !== null) explained.set(destruction, (explained.get(destruction) ?? 0) + left);
        if (destruction?.action === "erasure") counts.erased += left;
        else if (destruction?.action === "expiry") counts.expired += left;
        else if (!keysAtHand) counts.unopened += left;
        else if (left > 0) findings.add("INCOMPLETE", `key ${keyId}`, goneWithoutRecord(left, named));
      }
      for (const keyId of present) {
        const erasure = destroyed.of(keyId) ?? elsewhere?.of(keyId) ?? null;
        if (erasure?.action === "erasure") findings.add("INCOMPLETE", `key ${keyId}`, stillThere(erasure));
      }
      if (keysAtHand && untold > 0)
        findings.add("INCOMPLETE", "keys", `of ${untold} more payloads they are gone, or were destroyed`);
      return { ...counts, destructions: [...explained].map(([one, payloads]) => ({ ...one, payloads })) };
    },
  };
}

function stillThere({ logIndex, shard }: Destruction): string {
  return `entry ${logIndex}${shard === undefined ? "" : ` of ${shard}`} says that it was destroyed, and it still opens what it sealed: the erasure was not finished, or an old copy of the keys was put back`;
}

function goneWithoutRecord(payloads: number, named: readonly string[]): string {
  const more = payloads > named.length ? ` and ${payloads - named.length} more` : "";
  return `it is gone and the log has no erasure of it, so these can't be read: ${named.join("; ")}${more}`;
}
