import { hash } from "node:crypto";
import { formatMessageNode, MESSAGES_MEDIA_TYPE, type PayloadRef, SAME_PACK } from "@runledger/contract";
import { createGenerationMap } from "../integrate/generation-map.ts";

/** A payload's place. `pack` is "" until the pack it lies in is closed. */
export interface StoredPayload {
  sha256: string;
  sizeBytes: number;
  offset: number;
  pack: string;
}

export interface Pack {
  sha256: string;
  bytes: Uint8Array;
}

/**
 * Puts payloads one after the other into packs, each content once. `scope` is whose content it is: nothing is shared
 * between scopes, so that one can be erased without the other. It holds no newline.
 */
export interface PayloadPacker {
  add(scope: string, text: string): StoredPayload;
  /** A list of messages, each its JSON text, stored as the difference to the longest beginning of it that is known. */
  addMessages(scope: string, texts: readonly string[]): StoredPayload;
  /** Closes the pack in work. Gives all packs since the last call; every payload added before has its pack now. */
  finish(): Pack[];
}

export const MAX_PACK_BYTES = 8 * 1024 * 1024;
const FIRST_PACK_BYTES = 256 * 1024;
const MAX_RECENT_PAYLOADS = 50_000;
const MAX_MESSAGE_LISTS = 50_000;
/** A reader follows at most so many bases; then a whole list is written again. */
const MAX_CHAIN = 64;

interface KnownList {
  payload: StoredPayload;
  count: number;
  chain: number;
}

export function createPayloadPacker(): PayloadPacker {
  const recent = createGenerationMap<StoredPayload>(MAX_RECENT_PAYLOADS);
  const lists = createGenerationMap<KnownList>(MAX_MESSAGE_LISTS);
  let bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_PACK_BYTES);
  let used = 0;
  let inWork: StoredPayload[] = [];
  let closed: Pack[] = [];

  const close = (): void => {
    if (used === 0) return;
    const pack = { bytes: bytes.subarray(0, used), sha256: "" };
    pack.sha256 = hash("sha256", pack.bytes, "hex");
    for (const payload of inWork) payload.pack = pack.sha256;
    closed.push(pack);
    inWork = [];
    bytes = Buffer.allocUnsafeSlow(FIRST_PACK_BYTES);
    used = 0;
  };
  const append = (text: string): StoredPayload => {
    bytes = withRoom(bytes, used, text);
    const sizeBytes = bytes.write(text, used);
    const sha256 = hash("sha256", bytes.subarray(used, used + sizeBytes), "hex");
    return { sha256, sizeBytes, offset: used, pack: "" };
  };
  const keep = (payload: StoredPayload): StoredPayload => {
    used += payload.sizeBytes;
    inWork.push(payload);
    return payload;
  };
  const add = (scope: string, text: string): StoredPayload => {
    if (used >= MAX_PACK_BYTES) close();
    const payload = append(text);
    const key = scope + payload.sha256;
    const known = recent.get(key);
    if (known !== undefined) return known;
    recent.set(key, payload);
    return keep(payload);
  };
  const addMessages = (scope: string, texts: readonly string[]): StoredPayload => {
    if (used >= MAX_PACK_BYTES) close();
    const prefixes = prefixHashes(scope, texts);
    let known: KnownList | undefined;
    for (let i = prefixes.length - 1; i >= 0 && known === undefined; i--) known = lists.get(prefixes[i] ?? "");
    if (known?.count === texts.length) return known.payload;
    const base = known !== undefined && known.chain < MAX_CHAIN ? known : null;
    const baseCount = base?.count ?? 0;
    const node = { base: base && baseRef(base.payload), baseCount, texts: texts.slice(baseCount) };
    const payload = keep(append(formatMessageNode(node)));
    const own = prefixes.at(-1);
    if (own !== undefined) lists.set(own, { payload, count: texts.length, chain: base === null ? 0 : base.chain + 1 });
    return payload;
  };
  return {
    add,
    addMessages,
    finish: () => {
      close();
      const packs = closed;
      closed = [];
      return packs;
    },
  };
}

export function payloadRefOf(payload: StoredPayload, mediaType: string): PayloadRef {
  const { sha256, sizeBytes, offset, pack } = payload;
  return { media_type: mediaType, offset, pack, sha256, size_bytes: sizeBytes };
}

function baseRef(payload: StoredPayload): PayloadRef {
  return { ...payloadRefOf(payload, MESSAGES_MEDIA_TYPE), pack: payload.pack === "" ? SAME_PACK : payload.pack };
}

/** One hash for each beginning of the list. A scope holds no newline, so no two lists are confused. */
function prefixHashes(scope: string, texts: readonly string[]): string[] {
  let prefix = scope;
  return texts.map((text) => {
    prefix = hash("sha256", `${prefix}\n${text}`, "base64");
    return prefix;
  });
}

function withRoom(bytes: Buffer, used: number, text: string): Buffer {
  // Three bytes a UTF-16 unit at most; counted only when that guess does not fit.
  if (bytes.length - used >= text.length * 3) return bytes;
  const needed = used + Buffer.byteLength(text);
  if (needed <= bytes.length) return bytes;
  const larger = Buffer.allocUnsafeSlow(Math.max(needed, Math.min(bytes.length * 2, bytes.length + MAX_PACK_BYTES)));
  larger.set(bytes.subarray(0, used));
  return larger;
}
