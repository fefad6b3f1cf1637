import crypto from "node:crypto";
import { LogError } from "../log/log-error.ts";
import { canonicalJson } from "./canonical-json.ts";
import { jsonElements } from "./json-elements.ts";
import { packPath } from "./paths.ts";
import { messageList, type PayloadRef, type RunledgerRecord, record } from "./record.ts";

/** `length` bytes from `offset` of a pack; shorter or null when it does not have them. */
export type ReadPack = (packSha256: string, offset: number, length: number) => Promise<Uint8Array | null>;

/** Stands for the pack's own name in a message list's `base`: a pack can't contain its own hash. */
export const SAME_PACK = "0".repeat(64);

/** A chain of message lists longer than this was not made by us. */
const MAX_BASES = 10_000;

/** Reads a shard's packs through a store that knows ranges. */
export function createPackReader(
  readRange: (path: string, offset: number, length: number) => Promise<Uint8Array | null>,
  shard: string,
): ReadPack {
  return (packSha256, offset, length) => readRange(packPath(shard, packSha256), offset, length);
}

/** A payload's bytes, which hash to what the reference says. @throws LogError `missing` or `mismatch`. */
export async function readPayload(read: ReadPack, ref: PayloadRef): Promise<Uint8Array> {
  const bytes = await read(ref.pack, ref.offset, ref.size_bytes);
  if (bytes === null) throw new LogError("missing", `the pack ${ref.pack} is missing`);
  const fits = bytes.length === ref.size_bytes && crypto.hash("sha256", bytes, "hex") === ref.sha256;
  if (!fits)
    throw new LogError("mismatch", `the payload ${ref.sha256} is not at byte ${ref.offset} of pack ${ref.pack}`);
  return bytes;
}

/** The JSON texts of all messages of a list, in order, its bases followed. @throws LogError. */
export async function readMessages(read: ReadPack, ref: PayloadRef): Promise<string[]> {
  const parts: string[][] = [];
  let expected: number | null = null;
  for (let at: PayloadRef | null = ref, hops = 0; at !== null; hops++) {
    if (hops > MAX_BASES) throw new LogError("malformed", `the message list ${ref.sha256} has too many bases`);
    const node: MessageNode = parseMessageNode(await readPayload(read, at), at);
    if (expected !== null && expected !== node.baseCount + node.texts.length) {
      throw new LogError(
        "malformed",
        `the message list ${at.sha256} does not have the ${expected} messages its successor counts`,
      );
    }
    parts.push(node.texts);
    expected = node.baseCount;
    at = node.base;
  }
  return parts.reverse().flat();
}

export interface MessageNode {
  base: PayloadRef | null;
  baseCount: number;
  /** JSON text of each message of this node, exactly as it was stored. */
  texts: string[];
}

/** The text of a message list's node: the messages' JSON is put in as it is. `base.pack` may be SAME_PACK. */
export function formatMessageNode({ base, baseCount, texts }: MessageNode): string {
  return `${nodePrefix(base, baseCount)}${texts.join(",")}]}`;
}

/** Takes a node apart; `ref` tells where it lies. @throws LogError `malformed`. */
export function parseMessageNode(bytes: Uint8Array, ref: PayloadRef): MessageNode {
  const text = Buffer.from(bytes).toString();
  const parsed = messageList.safeParse(parseJson(text));
  if (!parsed.success) throw new LogError("malformed", `the payload ${ref.sha256} is no message list`);
  const { base, base_count: baseCount, messages } = parsed.data;
  const prefix = nodePrefix(base, baseCount);
  const texts = text.startsWith(prefix) && text.endsWith("]}") ? jsonElements(text.slice(prefix.length, -2)) : [];
  const backwards = base?.pack !== SAME_PACK || base.offset < ref.offset;
  if (texts.length !== messages.length || !backwards || (base === null && baseCount !== 0)) {
    throw new LogError("malformed", `the payload ${ref.sha256} is no message list as we write them`);
  }
  return { base: base?.pack === SAME_PACK ? { ...base, pack: ref.pack } : base, baseCount, texts };
}

/** The record with what was too large for its entry put back in place. @throws LogError `malformed`. */
export async function readWholeRecord(read: ReadPack, entry: RunledgerRecord): Promise<RunledgerRecord> {
  const ref = entry.payloads.overflow;
  if (ref === undefined) return entry;
  const moved = parseJson(Buffer.from(await readPayload(read, ref)).toString());
  const whole = record.safeParse({ ...entry, ...(typeof moved === "object" ? moved : {}) });
  if (!whole.success) throw new LogError("malformed", `the overflow of record ${entry.record_id} does not fit it`);
  return whole.data;
}

function nodePrefix(base: PayloadRef | null, baseCount: number): string {
  return `{"base":${canonicalJson(base)},"base_count":${baseCount},"messages":[`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new LogError("malformed", "a payload is not JSON", cause);
  }
}
