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

/** What a record's payloads say. */
export type Content = Partial<Record<PayloadName, JsonBytes>>;

export interface WholeRecord {
  record: RunledgerRecord;
  content: Content;
  /** The id of a key that is not there: some content, or all, can't be opened and is left out. */
  sealedKey: string | null;
}

/** Contents up to so many bytes in the packs are read on the thread that answers. */
const LARGE_BYTES = 512 * 1024;

/** Where records' contents come from. */
export interface RecordStores {
  objects: Objects;
  findKey: FindPayloadKey | undefined;
  /** Puts large contents together; null: all is read here. */
  thread: ContentThread | null;
}

/**
 * The record of a log entry with what was too large for it, and with its content, as far as its keys are there.
 * @throws LogError `missing`, `mismatch`, `malformed`.
 */
export async function readRecord(stores: RecordStores, shard: string, bytes: Uint8Array): Promise<WholeRecord> {
  const { objects, findKey, thread } = stores;
  const entry = parseLogEntry(bytes);
  const readRange = (path: string, offset: number, length: number) => objects.readRange(path, offset, length);
  const read = createPayloadReader(createPackReader(readRange, shard), findKey);
  const [whole, content] = await Promise.all([
    unlessSealed(readWholeRecord(read, entry)),
    thread === null ? readContent(read, entry) : readAnyContent(thread, read, entry, { shard, readRange, findKey }),
  ]);
  const overflowKey = whole === SEALED ? (entry.payloads.overflow?.key_id ?? null) : null;
  return { ...content, record: whole === SEALED ? entry : whole, sealedKey: content.sealedKey ?? overflowKey };
}

/** How large a history is shows only when its beginnings are read: beyond LARGE_BYTES it is left to the thread. */
async function readAnyContent(
  thread: ContentThread,
  read: ReadPayload,
  entry: RunledgerRecord,
  source: ContentSource,
): Promise<Pick<WholeRecord, "content" | "sealedKey">> {
  const { overflow: _, ...payloads } = entry.payloads;
  let left = LARGE_BYTES;
  const readSome: ReadPayload = (ref) => {
    left -= sizeOf([ref]);
    if (left < 0) throw TOO_LARGE;
    return read(ref);
  };
  try {
    if (sizeOf(Object.values(payloads)) <= LARGE_BYTES) return await readContent(readSome, entry);
  } catch (error) {
    if (error !== TOO_LARGE) throw error;
  }
  const content: Content = {};
  let sealedKey: string | null = null;
  for (const [name, bytes] of Object.entries(await thread.read(payloads, source))) {
    if (bytes === null) sealedKey = payloads[name as keyof typeof payloads]?.key_id ?? null;
    else content[name as PayloadName] = new JsonBytes(bytes);
  }
  return { content, sealedKey };
}

const TOO_LARGE = new Error("more than is read at once");

function sizeOf(refs: readonly PayloadRef[]): number {
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

/** Every payload but `overflow`, checked against its hash. */
async function readContent(
  read: ReadPayload,
  { payloads }: RunledgerRecord,
): Promise<Pick<WholeRecord, "content" | "sealedKey">> {
  const content: Content = {};
  let sealedKey: string | null = null;
  const reading = Object.entries(payloads).map(async ([key, ref]) => {
    const name = key as PayloadName;
    if (name === "overflow") return;
    const value = await unlessSealed(readContentJson(read, name, ref));
    if (value === SEALED) sealedKey = ref.key_id ?? null;
    else content[name] = new JsonBytes(value);
  });
  await Promise.all(reading);
  return { content, sealedKey };
}
