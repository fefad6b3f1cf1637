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
  readMessages,
  readText,
  readWholeRecord,
} from "@runledger/contract";
import type { Objects } from "@runledger/storage";

/** What a record's payloads say, each as JSON says it. */
export type Content = Partial<Record<PayloadName, unknown>>;

export interface WholeRecord {
  record: RunledgerRecord;
  content: Content;
  /** The id of a key that is not there: some content, or all, can't be opened and is left out. */
  sealedKey: string | null;
}

/** Deeper than anybody means it; within it, whoever reads the answer has stack enough. */
const MAX_NESTING = 500;

/**
 * The record of a log entry with what was too large for it, and with its content, as far as its keys are there.
 * @throws LogError `missing`, `mismatch`, `malformed`.
 */
export async function readRecord(
  objects: Objects,
  shard: string,
  bytes: Uint8Array,
  findKey: FindPayloadKey | undefined,
): Promise<WholeRecord> {
  const entry = parseLogEntry(bytes);
  const readRange = (path: string, offset: number, length: number) => objects.readRange(path, offset, length);
  const read = createPayloadReader(createPackReader(readRange, shard), findKey);
  const [whole, content] = await Promise.all([unlessSealed(readWholeRecord(read, entry)), readContent(read, entry)]);
  const overflowKey = whole === SEALED ? (entry.payloads.overflow?.key_id ?? null) : null;
  return { ...content, record: whole === SEALED ? entry : whole, sealedKey: content.sealedKey ?? overflowKey };
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
    const value = await unlessSealed(readContentOf(read, name, ref));
    if (value === SEALED) sealedKey = ref.key_id ?? null;
    else content[name] = value;
  });
  await Promise.all(reading);
  return { content, sealedKey };
}

async function readContentOf(read: ReadPayload, name: PayloadName, ref: PayloadRef): Promise<unknown> {
  if (name === "messages") return (await readMessages(read, ref)).map(parseContent);
  const text = Buffer.from(await readText(read, ref)).toString("utf8");
  return name === "raw_response" || name === "raw_request" ? text : parseContent(text);
}

/** What the JSON says; nested deeper than MAX_NESTING, the text itself: content is never hidden. */
function parseContent(text: string): unknown {
  return nestedDeeper(text, MAX_NESTING) ? text : JSON.parse(text);
}

function nestedDeeper(json: string, limit: number): boolean {
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < json.length; at++) {
    const character = json[at];
    if (character === '"') quoted = !quoted;
    else if (quoted) at += character === "\\" ? 1 : 0;
    else if (character === "{" || character === "[") depth++;
    else if (character === "}" || character === "]") depth--;
    if (depth > limit) return true;
  }
  return false;
}
