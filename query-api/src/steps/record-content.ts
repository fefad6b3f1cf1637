import {
  createPackReader,
  createPayloadReader,
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
}

/** Deeper than anybody means it; within it, whoever reads the answer has stack enough. */
const MAX_NESTING = 500;

/** The record of a log entry with what was too large for it, and with its content. @throws LogError `missing`, `mismatch`, `malformed`. */
export async function readRecord(objects: Objects, shard: string, bytes: Uint8Array): Promise<WholeRecord> {
  const entry = parseLogEntry(bytes);
  const readRange = (path: string, offset: number, length: number) => objects.readRange(path, offset, length);
  const read = createPayloadReader(createPackReader(readRange, shard));
  const [record, content] = await Promise.all([readWholeRecord(read, entry), readContent(read, entry)]);
  return { record, content };
}

/** Every payload but `overflow`, checked against its hash. */
async function readContent(read: ReadPayload, { payloads }: RunledgerRecord): Promise<Content> {
  const names = (Object.keys(payloads) as PayloadName[]).filter((name) => name !== "overflow");
  const contents = names.map(async (name): Promise<[PayloadName, unknown]> => {
    const ref = payloads[name];
    return [name, ref === undefined ? null : await readContentOf(read, name, ref)];
  });
  return Object.fromEntries(await Promise.all(contents));
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
