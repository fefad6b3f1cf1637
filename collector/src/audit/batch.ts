import {
  KEPT_MEDIA_TYPE,
  MAX_ENTRY_BYTES,
  MESSAGES_MEDIA_TYPE,
  type PayloadName,
  type RunledgerRecord,
  subjectOf,
} from "@runledger/contract";
import type { SeenRecords } from "../integrate/seen-records.ts";
import type { Content, NormalizedFrame, NormalizedRecord } from "../normalize/normalized.ts";
import { type Arena, createArena } from "./arena.ts";
import { entryText, type Payloads } from "./entry.ts";
import { cutAllMembers, moveLargeMembers } from "./overflow.ts";
import type { Pack } from "./pack-in-work.ts";
import { type ContentPlace, type PayloadPacker, payloadRefOf, type StoredPayload } from "./payload-packer.ts";
import type { KeyOf } from "./sealing.ts";

/** What frames become before anything is written: the very bytes of the log's next entries, and of the packs they point into. */
export interface Batch {
  packs: Pack[];
  entries: Uint8Array[];
  /** What each entry is the text of. */
  records: RunledgerRecord[];
  /** The journal position that the batch brings the log to. */
  nextSeq: number;
  counts: BatchCounts;
}

export interface BatchCounts {
  records: number;
  duplicates: number;
  conflicts: number;
  /** Records with members too large for their entry. */
  overflows: number;
  packBytes: number;
}

const MEDIA_TYPES: Record<PayloadName, string> = {
  arguments: KEPT_MEDIA_TYPE,
  input: KEPT_MEDIA_TYPE,
  messages: MESSAGES_MEDIA_TYPE,
  output: KEPT_MEDIA_TYPE,
  overflow: "application/json",
  parameters: "application/json",
  raw_request: "text/plain",
  raw_response: "text/plain",
  response: "application/json",
  result: KEPT_MEDIA_TYPE,
  system_prompt: "application/json",
  tool_definitions: "application/json",
};
/** In the order in which a step reads: what the model was given, what it gave. */
const CONTENT_NAMES = [
  "system_prompt",
  "tool_definitions",
  "parameters",
  "messages",
  "raw_request",
  "response",
  "raw_response",
  "arguments",
  "result",
  "input",
  "output",
] as const satisfies (keyof Content)[];

interface Drafted {
  facts: NormalizedRecord["facts"];
  conflict: boolean;
  owner: Owner;
  stored: { name: PayloadName; payload: StoredPayload }[];
}

/** Whose content it is: erasing a person, or a run of nobody's, erases it as a whole. */
type Owner = Pick<ContentPlace, "subject" | "key">;

/** Never fails for what a record holds; remembers the records in `seen`, so it is called once for frames. */
export function prepareBatch(
  frames: readonly NormalizedFrame[],
  seen: SeenRecords,
  packer: PayloadPacker,
  keyOf: KeyOf,
): Batch {
  const counts: BatchCounts = { records: 0, duplicates: 0, conflicts: 0, overflows: 0, packBytes: 0 };
  const drafted: Drafted[] = [];
  for (const frame of frames) {
    for (const { facts, content } of frame.records) {
      const classification = seen.classify(facts);
      if (classification === "duplicate") {
        counts.duplicates++;
        continue;
      }
      if (classification === "conflict") counts.conflicts++;
      const owner = { subject: subjectOf(facts), key: keyOf(facts) };
      drafted.push({
        facts,
        conflict: classification === "conflict",
        owner,
        stored: storeContent(packer, owner, facts, content),
      });
    }
  }
  const packs = packer.finish();
  const arena = createArena();
  const records = drafted.map(recordOf);
  const entries = records.map((record) => fittingEntry(arena, record));
  packs.push(...overflow(drafted, records, entries, packer));
  counts.records = drafted.length;
  counts.overflows = drafted.filter(({ stored }) => stored.some(({ name }) => name === "overflow")).length;
  counts.packBytes = packs.reduce((sum, pack) => sum + pack.bytes.length, 0);
  const nextSeq = (frames.at(-1)?.seq ?? 0) + 1;
  return { packs, entries: entries.filter((entry) => entry !== null), records, nextSeq, counts };
}

function storeContent(
  packer: PayloadPacker,
  owner: Owner,
  { run_id: run, name: step }: Drafted["facts"],
  content: Content,
): Drafted["stored"] {
  const stored: Drafted["stored"] = [];
  for (const name of CONTENT_NAMES) {
    const place = { ...owner, run, label: `${name} ${step}` };
    if (name === "messages") {
      if (content.messages) stored.push({ name, payload: packer.addMessages(place, content.messages) });
      continue;
    }
    const text = content[name];
    if (text !== undefined) stored.push({ name, payload: packer.add(place, text) });
  }
  return stored;
}

function recordOf({ facts, conflict, stored }: Drafted): RunledgerRecord {
  const payloads: Payloads = {};
  for (const { name, payload } of stored) payloads[name] = payloadRefOf(payload, MEDIA_TYPES[name]);
  return { ...facts, conflict, payloads };
}

function fittingEntry(arena: Arena, record: RunledgerRecord): Uint8Array | null {
  const bytes = arena.write(entryText(record));
  return bytes.length <= MAX_ENTRY_BYTES ? bytes : null;
}

/** Fills the gaps in `entries`, and says in `records` what stands there: what does not fit an entry goes into packs of its own, since it is known only now. */
function overflow(
  drafted: readonly Drafted[],
  records: RunledgerRecord[],
  entries: (Uint8Array | null)[],
  packer: PayloadPacker,
): Pack[] {
  const large = drafted.map((draft, index) => ({ draft, index })).filter(({ index }) => entries[index] === null);
  const split = large.map(({ draft, index }) => {
    const record = recordOf(draft);
    const moved = moveLargeMembers(record);
    const fits = Buffer.byteLength(entryText(moved.record)) <= MAX_ENTRY_BYTES - MAX_REF_BYTES;
    const chosen = fits ? moved : cutAllMembers(record);
    const place = { ...draft.owner, run: record.run_id, label: `overflow ${record.name}` };
    draft.stored.push({ name: "overflow", payload: packer.add(place, chosen.movedText) });
    return { draft, index, record: chosen.record };
  });
  const packs = packer.finish();
  for (const { draft, index, record } of split) {
    const stored = { ...record, payloads: recordOf(draft).payloads };
    records[index] = stored;
    entries[index] = Buffer.from(entryText(stored));
  }
  return packs;
}

/** Room for the reference to the overflow itself. */
const MAX_REF_BYTES = 600;
