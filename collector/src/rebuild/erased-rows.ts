import {
  erasedUserLabel,
  erasureTarget,
  type ReadObject,
  type RunledgerRecord,
  readEntries,
  type StepRow,
  userSubject,
} from "@runledger/contract";
import type { Keyring } from "@runledger/storage";
import { recordOfEntry } from "../metrics/log-entry-row.ts";

/** A shard's log, as far as it is published. */
export interface PublishedLog {
  shard: string;
  size: number;
  read: ReadObject;
}

/** What the log's erasures took out of ClickHouse and a rebuild must not bring back. */
export interface ErasedRows {
  /** @param userId as it was sent. @returns the row of the record at `index` of the shard's log; of an erased one without what tells of content or person. */
  clean(shard: string, index: number, row: StepRow, userId: string): StepRow;
}

interface Erasure {
  shard: string;
  index: number;
  receivedTime: string;
  logSizes: Readonly<Record<string, number>>;
  tenant: string;
  /** Of the person; null: of a run of nobody's. */
  pseudonym: string | null;
}

/** As RFC 8785 has them in an entry. */
const ERASURE = '"action":"erasure"';
const NAMES_A_PERSON = '"user_id":"';

/**
 * Reads the logs before their rows are made: an act comes after what it erases, and whose run it is may show in a record that comes after others of the run.
 * Acts name a person by pseudonym, so whose they are shows only to who has the keys. Without erasures it is one look at each entry's bytes.
 */
export async function findErasedRows(logs: readonly PublishedLog[], keyring: Keyring | null): Promise<ErasedRows> {
  const ofRuns = new Map<string, Set<Erasure>>();
  const ofPeople = new Map<string, Erasure[]>();
  for await (const { shard, index, record } of recordsWith(ERASURE, logs)) {
    const { act, tenant, received_time: receivedTime } = record;
    const target = act?.action === "erasure" ? erasureTarget.safeParse(act.target) : null;
    if (!target?.success) continue;
    const { subject, log_sizes: logSizes = {} } = target.data;
    const pseudonym = subject.kind === "user" ? subject.pseudonym : null;
    const erasure = { shard, index, receivedTime, logSizes, tenant, pseudonym };
    if (subject.kind === "run") entryOf(ofRuns, placeOf(tenant, subject.run_id), () => new Set()).add(erasure);
    else entryOf(ofPeople, subject.pseudonym, () => []).push(erasure);
  }
  const pseudonymOf = createPseudonyms(keyring);
  if (ofPeople.size > 0)
    for await (const { shard, index, record } of recordsWith(NAMES_A_PERSON, logs)) {
      const { tenant, run_id, run, received_time } = record;
      const theirs = ofPeople.get(pseudonymOf(tenant, run.user_id ?? "") ?? "");
      for (const erasure of theirs ?? [])
        if (isBefore(erasure, shard, index, received_time))
          entryOf(ofRuns, placeOf(tenant, run_id), () => new Set()).add(erasure);
    }
  return {
    clean: (shard, index, row, userId) => {
      const { tenant, run_id, user_id, received_time } = row;
      const erasures = [...(ofRuns.get(placeOf(tenant, run_id)) ?? [])].filter((erasure) =>
        isBefore(erasure, shard, index, received_time),
      );
      if (erasures.length === 0) return row;
      const pseudonym = pseudonymOf(tenant, userId);
      const isTheirs = pseudonym !== null && erasures.some((erasure) => erasure.pseudonym === pseudonym);
      return {
        ...row,
        ...{ input_preview: "", output_preview: "", error_message: "", end_reason: "" },
        user_id: isTheirs ? erasedUserLabel(pseudonym) : user_id,
      };
    },
  };
}

/** The records of the logs whose entries have that text somewhere, in each log's order. */
async function* recordsWith(
  text: string,
  logs: readonly PublishedLog[],
): AsyncGenerator<{ shard: string; index: number; record: RunledgerRecord }> {
  for (const { shard, size, read } of logs)
    for await (const { index, entry } of readEntries(read, 0, size, size))
      if (Buffer.from(entry.buffer, entry.byteOffset, entry.length).includes(text))
        yield { shard, index, record: recordOfEntry(entry) };
}

/** In one log its order tells. In another, its size then; what was received before and came into it later is told by the clocks. */
function isBefore(erasure: Erasure, shard: string, index: number, receivedTime: string): boolean {
  if (shard === erasure.shard) return index < erasure.index;
  return index < (erasure.logSizes[shard] ?? 0) || receivedTime <= erasure.receivedTime;
}

/** Of a name, null where there is none or nobody has the keys. */
function createPseudonyms(keyring: Keyring | null): (tenant: string, userId: string) => string | null {
  const known = new Map<string, string>();
  return (tenant, userId) =>
    userId === "" || keyring === null
      ? null
      : entryOf(known, placeOf(tenant, userId), () => keyring.pseudonymOf(userSubject(tenant, userId)));
}

function placeOf(tenant: string, name: string): string {
  return JSON.stringify([tenant, name]);
}

function entryOf<Value>(map: Map<string, Value>, key: string, create: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const created = create();
  map.set(key, created);
  return created;
}
