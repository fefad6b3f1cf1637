import { subjectOf } from "@runledger/contract";
import { type DataKey, type KeyRequest, type KeyWriter, monthPrefix } from "@runledger/storage";
import type { NormalizedFrame, NormalizedRecord } from "../normalize/normalized.ts";

/** Under which key a record's content is sealed; null: it is stored in the clear. */
export type KeyOf = (facts: NormalizedRecord["facts"]) => DataKey | null;

export const IN_THE_CLEAR: KeyOf = () => null;

/**
 * The keys for all that frames may hold, found or made: once for each subject, and durable when it resolves, before anything is sealed under them.
 * The month is that of the journal, so frames that come again after a crash are sealed as before.
 */
export async function keysOfFrames(writer: KeyWriter, frames: readonly NormalizedFrame[]): Promise<KeyOf> {
  const requests = new Map<string, KeyRequest>();
  for (const { records } of frames)
    for (const { facts } of records) {
      const request = requestOf(facts);
      requests.set(nameOf(request), request);
    }
  const keys = await writer.keysFor([...requests.values()]);
  const byName = new Map([...requests.keys()].map((name, at) => [name, keys[at]]));
  return (facts) => byName.get(nameOf(requestOf(facts))) ?? null;
}

function requestOf(facts: NormalizedRecord["facts"]): KeyRequest {
  return { subject: subjectOf(facts), month: monthPrefix(facts.received_time) };
}

function nameOf({ subject, month }: KeyRequest): string {
  return month + subject;
}
