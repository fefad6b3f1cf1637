import {
  createPackReader,
  createPayloadReader,
  type FindPayloadKey,
  LogError,
  type PayloadName,
  type PayloadRef,
  parseLogEntry,
  type ReadPayload,
  type RunledgerRecord,
  readWholeRecord,
} from "@runledger/contract";
import type { Objects } from "@runledger/storage";
import { readContentJson } from "./content-json.ts";
import type { ContentSource, ContentThread } from "./content-thread.ts";
import { JsonBytes } from "./json-bytes.ts";
import type { ToolPick } from "./tool-parts.ts";

/** What a record's payloads say. */
export type Content = Partial<Record<PayloadName, JsonBytes>>;

export interface WholeRecord {
  record: RunledgerRecord;
  content: Content;
  /** The id of a key that is not there: some content, or all, can't be opened and is left out. */
  sealedKey: string | null;
}

/** Contents up to so many bytes in the packs are read on the thread that answers. */
export const LARGE_BYTES = 512 * 1024;

export type Payloads = Partial<Record<PayloadName, PayloadRef>>;

/** Where records' contents come from. */
export interface RecordStores {
  objects: Objects;
  findKey: FindPayloadKey | undefined;
  /** Puts large contents together. */
  thread: ContentThread;
}

/**
 * The record of a log entry with what was too large for it, and with its content, as far as its keys are there.
 * @throws LogError `missing`, `mismatch`, `malformed`.
 */
export async function readRecord(stores: RecordStores, shard: string, bytes: Uint8Array): Promise<WholeRecord> {
  const entry = parseLogEntry(bytes);
  const { overflow: _, ...payloads } = entry.payloads;
  const [whole, content] = await Promise.all([
    unlessSealed(readWholeRecord(readerOf(stores, shard), entry)),
    readContents(stores, shard, payloads),
  ]);
  const overflowKey = whole === SEALED ? (entry.payloads.overflow?.key_id ?? null) : null;
  return { ...content, record: whole === SEALED ? entry : whole, sealedKey: content.sealedKey ?? overflowKey };
}

/**
 * These contents of a record, as far as their keys are there; of an `overflow` the attributes. How large a history is shows only when its beginnings are
 * read: beyond LARGE_BYTES all is left to the thread.
 * @param pick Only this part of them.
 */
export async function readContents(
  stores: RecordStores,
  shard: string,
  payloads: Payloads,
  pick?: ToolPick,
): Promise<Pick<WholeRecord, "content" | "sealedKey">> {
  const read = readerOf(stores, shard);
  let left = LARGE_BYTES;
  const readSome: ReadPayload = (ref) => {
    left -= sizeOf([ref]);
    if (left < 0) throw TOO_LARGE;
    return read(ref);
  };
  try {
    if (sizeOf(Object.values(payloads)) <= LARGE_BYTES) return await readHere(readSome, payloads, pick);
  } catch (error) {
    if (error !== TOO_LARGE) throw error;
  }
  const source = { shard, readRange: rangesOf(stores.objects), findKey: stores.findKey };
  const content: Content = {};
  let sealedKey: string | null = null;
  for (const [name, bytes] of Object.entries(await stores.thread.read(payloads, source, pick))) {
    if (bytes === null) sealedKey = payloads[name as PayloadName]?.key_id ?? null;
    else content[name as PayloadName] = new JsonBytes(bytes);
  }
  return { content, sealedKey };
}

function readerOf({ objects, findKey }: RecordStores, shard: string): ReadPayload {
  return createPayloadReader(createPackReader(rangesOf(objects), shard), findKey);
}

function rangesOf(objects: Objects): ContentSource["readRange"] {
  return (path, offset, length) => objects.readRange(path, offset, length);
}

const TOO_LARGE = new Error("more than is read at once");

/** As far as references tell: of what goes on from others, its own. */
export function sizeOf(refs: readonly PayloadRef[]): number {
  return refs.reduce((sum, ref) => sum + (ref.inflated_bytes ?? ref.size_bytes), 0);
}

const SEALED = Symbol("sealed");

async function unlessSealed<Value>(reading: Promise<Value>): Promise<Value | typeof SEALED> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof LogError && error.code === "sealed") return SEALED;
    throw error;
  }
}

/** Each is checked against its hash. */
async function readHere(
  read: ReadPayload,
  payloads: Payloads,
  pick: ToolPick | undefined,
): Promise<Pick<WholeRecord, "content" | "sealedKey">> {
  const content: Content = {};
  let sealedKey: string | null = null;
  const reading = Object.entries(payloads).map(async ([key, ref]) => {
    const name = key as PayloadName;
    const value = await unlessSealed(readContentJson(read, name, ref, pick));
    if (value === SEALED) sealedKey = ref.key_id ?? null;
    else content[name] = new JsonBytes(value);
  });
  await Promise.all(reading);
  return { content, sealedKey };
}
