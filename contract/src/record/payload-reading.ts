import crypto from "node:crypto";
import { inflateRawSync } from "node:zlib";
import { LogError } from "../log/log-error.ts";
import { canonicalJson } from "./canonical-json.ts";
import { checkedElements } from "./json-elements.ts";
import { packPath } from "./paths.ts";
import { commitmentOf, openPayload, SALT_BYTES } from "./payload-seal.ts";
import { messageListHead, type PayloadRef } from "./record.ts";
import { MAX_TEXT_BYTES } from "./text-delta.ts";

/** `length` bytes from `offset` of a pack; shorter or null when it does not have them. */
export type ReadPack = (packSha256: string, offset: number, length: number) => Promise<Uint8Array | null>;

/** Stands for the pack's own name in a node's `base`: a pack can't contain its own hash. */
export const SAME_PACK = "0".repeat(64);

/** Reads a shard's packs through a store that knows ranges. */
export function createPackReader(
  readRange: (path: string, offset: number, length: number) => Promise<Uint8Array | null>,
  shard: string,
): ReadPack {
  return (packSha256, offset, length) => readRange(packPath(shard, packSha256), offset, length);
}

/** A payload's bytes as they were before they were sealed: a text, or a node. @throws LogError. */
export type ReadPayload = (ref: PayloadRef) => Promise<Uint8Array>;

/** The key of one payload (`payloadKey` of its data key, or as an auditor was given it), or null when it is not at hand. `salt`: of the stored bytes. */
export type FindPayloadKey = (ref: SealedRef, salt: Uint8Array) => Promise<Uint8Array | null>;
export type SealedRef = PayloadRef & { key_id: string; commitment: string };

export function isSealed(ref: PayloadRef): ref is SealedRef {
  return ref.key_id !== undefined;
}

/** Without keys only what lies in the clear is read. @throws LogError `missing`, `mismatch`, or `sealed` when `findKey` has none. */
export function createPayloadReader(readPack: ReadPack, findKey?: FindPayloadKey): ReadPayload {
  return async (ref) => {
    const stored = await readStoredPayload(readPack, ref);
    if (!isSealed(ref)) return stored;
    const key = (await findKey?.(ref, stored.subarray(0, SALT_BYTES))) ?? null;
    if (key === null) throw new LogError("sealed", `the key ${ref.key_id} of payload ${ref.sha256} is not at hand`);
    const plaintext = inflated(openPayload(key, stored), ref);
    if (commitmentOf(key, plaintext) !== ref.commitment)
      throw new LogError("mismatch", `the payload ${ref.sha256} is not what its reference commits to`);
    return plaintext;
  };
}

/** No more memory than the reference says is taken. @throws LogError `mismatch`. */
function inflated(bytes: Uint8Array, { inflated_bytes: length, sha256 }: PayloadRef): Uint8Array {
  if (length === undefined) return bytes;
  if (length > MAX_TEXT_BYTES) throw new LogError("malformed", `the payload ${sha256} is said to have ${length} bytes`);
  try {
    const plaintext = inflateRawSync(bytes, { maxOutputLength: Math.max(1, length) });
    if (plaintext.length === length) return plaintext;
  } catch (cause) {
    throw new LogError("mismatch", `the payload ${sha256} can't be inflated to its ${length} bytes`, cause);
  }
  throw new LogError("mismatch", `the payload ${sha256} does not have the ${length} bytes that its reference says`);
}

/** A payload's bytes as they lie in the pack, which hash to what the reference says. @throws LogError `missing` or `mismatch`. */
export async function readStoredPayload(read: ReadPack, ref: PayloadRef): Promise<Uint8Array> {
  const bytes = ref.size_bytes === 0 ? new Uint8Array() : await read(ref.pack, ref.offset, ref.size_bytes);
  if (bytes === null) throw new LogError("missing", `the pack ${ref.pack} is missing`);
  const fits = bytes.length === ref.size_bytes && crypto.hash("sha256", bytes, "hex") === ref.sha256;
  if (!fits)
    throw new LogError("mismatch", `the payload ${ref.sha256} is not at byte ${ref.offset} of pack ${ref.pack}`);
  return bytes;
}

/** Where a base lies that the node at `ref` names. */
export function baseOf(base: PayloadRef, ref: PayloadRef): PayloadRef {
  if (base.pack !== SAME_PACK) return base;
  if (base.offset >= ref.offset)
    throw new LogError("malformed", `the base of the payload ${ref.sha256} comes after it`);
  return { ...base, pack: ref.pack };
}

/** All that a reference says: what was found of one that differs in anything says nothing of it. */
export function payloadRefKey(ref: PayloadRef): string {
  const { pack, offset, sha256, size_bytes, media_type, key_id = "", commitment = "", inflated_bytes = "" } = ref;
  return `${pack} ${offset} ${sha256} ${size_bytes} ${key_id} ${commitment} ${inflated_bytes} ${media_type}`;
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
  const texts: string[] = [];
  const { base, baseCount } = parseNode(bytes, ref, texts);
  return { base, baseCount, texts };
}

/** As `parseMessageNode`, without keeping a message. */
export function countMessageNode(bytes: Uint8Array, ref: PayloadRef): Omit<MessageNode, "texts"> & { count: number } {
  return parseNode(bytes, ref);
}

function parseNode(bytes: Uint8Array, ref: PayloadRef, into?: string[]) {
  const text = Buffer.from(bytes).toString();
  const end = text.indexOf(MESSAGES_BEGIN);
  const head = messageListHead.safeParse(parseJson(`${text.slice(0, Math.max(0, end))}}`));
  if (!head.success) throw new LogError("malformed", `the payload ${ref.sha256} is no message list`);
  const { base, base_count: baseCount } = head.data;
  const prefix = base?.media_type.isWellFormed() === false ? null : nodePrefix(base, baseCount);
  const fits = prefix !== null && text.startsWith(prefix) && text.endsWith("]}");
  const count = fits ? checkedElements(text.slice(prefix.length, -2), into) : null;
  if (count === null || (base === null && baseCount !== 0))
    throw new LogError("malformed", `the payload ${ref.sha256} is no message list as we write them`);
  return { base: base && baseOf(base, ref), baseCount, count };
}

/** Within a text of JSON its quotes would be escaped, and a base has no such member. */
const MESSAGES_BEGIN = ',"messages":[';

function nodePrefix(base: PayloadRef | null, baseCount: number): string {
  return `{"base":${canonicalJson(base)},"base_count":${baseCount}${MESSAGES_BEGIN}`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new LogError("malformed", "a payload is not JSON", cause);
  }
}
