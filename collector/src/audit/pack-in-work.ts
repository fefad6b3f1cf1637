import { hash } from "node:crypto";
import { deflateRawSync } from "node:zlib";
import { payloadSalt, SEAL_BYTES, sealDeflated, sealWithSalt } from "@runledger/contract";
import type { DataKey } from "@runledger/storage";
import type { StoredPayload } from "./payload-packer.ts";

export interface Pack {
  sha256: string;
  bytes: Uint8Array;
}

/** What may become a payload: its plaintext stands at the pack's end until the next `draft`. */
export interface Draft {
  form: StoredPayload["form"];
  /** Null: to be stored in the clear. */
  key: DataKey | null;
  /** Of the plaintext. */
  sizeBytes: number;
  /** The same for the same content under the same key, and for nothing else: the salt, or the plaintext's sha256. */
  identity: string;
  salt: Uint8Array | null;
}

/** The pack that payloads are put into, one after the other, until it is large enough. */
export interface PackInWork {
  /** Closes the pack if it is full: before a payload is written, and before its base is named. */
  makeRoom(): void;
  /** Writes plaintext at the pack's end, where the next `draft` goes over it unless it is kept. */
  draft(content: string | Uint8Array, form: StoredPayload["form"], key: DataKey | null): Draft;
  /** A copy of the plaintext just drafted. */
  copyOf(draft: Draft): Buffer;
  /** Seals what was just drafted, in its place, and keeps it. */
  keep(draft: Draft): StoredPayload;
  /** Closes the pack. Gives all packs since the last call; every payload kept before has its pack now. */
  finish(): Pack[];
}

export const MAX_PACK_BYTES = 8 * 1024 * 1024;
const FIRST_PACK_BYTES = 256 * 1024;

export function createPackInWork(): PackInWork {
  let bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_PACK_BYTES);
  let used = 0;
  let inWork: StoredPayload[] = [];
  let closed: Pack[] = [];

  const close = (): void => {
    if (inWork.length === 0) return;
    const pack = { bytes: bytes.subarray(0, used), sha256: "" };
    pack.sha256 = hash("sha256", pack.bytes, "hex");
    for (const payload of inWork) payload.pack = pack.sha256;
    closed.push(pack);
    inWork = [];
    bytes = Buffer.allocUnsafeSlow(FIRST_PACK_BYTES);
    used = 0;
  };
  const store = (payload: Omit<StoredPayload, "pack" | "offset">): StoredPayload => {
    const stored = { ...payload, offset: used, pack: "" };
    used += payload.sizeBytes;
    inWork.push(stored);
    return stored;
  };
  return {
    makeRoom: () => {
      if (used >= MAX_PACK_BYTES) close();
    },
    draft: (content, form, key) => {
      bytes = withRoom(bytes, used, content);
      const sizeBytes = typeof content === "string" ? bytes.write(content, used) : content.length;
      if (typeof content !== "string") bytes.set(content, used);
      const plaintext = bytes.subarray(used, used + sizeBytes);
      if (key === null) return { form, key, sizeBytes, identity: hash("sha256", plaintext, "hex"), salt: null };
      const salt = payloadSalt(key.dek, form ?? TEXT_MEDIA_TYPE, plaintext);
      return { form, key, sizeBytes, identity: Buffer.from(salt).toString("latin1"), salt };
    },
    copyOf: ({ sizeBytes }) => Buffer.from(bytes.subarray(used, used + sizeBytes)),
    keep: ({ form, key, sizeBytes, identity, salt }) => {
      if (key === null || salt === null) return store({ form, sha256: identity, sizeBytes, seal: null });
      const plaintext = bytes.subarray(used, used + sizeBytes);
      const deflated = deflatedOf(plaintext);
      const { stored, commitment } =
        deflated === null
          ? sealWithSalt(key.dek, salt, plaintext)
          : sealDeflated(key.dek, form ?? TEXT_MEDIA_TYPE, plaintext, deflated);
      bytes.set(stored, used);
      const seal = { keyId: key.keyId, commitment, inflatedBytes: deflated === null ? null : sizeBytes };
      return store({ form, sha256: hash("sha256", stored, "hex"), sizeBytes: stored.length, seal });
    },
    finish: () => {
      close();
      const packs = closed;
      closed = [];
      return packs;
    },
  };
}

/** Of texts that are stored as they are, whatever the names they have in records: the same text is kept once. */
const TEXT_MEDIA_TYPE = "text/plain";

/** Of a shorter one the few bytes are not worth the time. */
const MIN_DEFLATED_BYTES = 1_024;
/** Fast, and without the 256 KiB that zlib takes by default for whatever is short. */
const DEFLATE_SHORT = { level: 1, memLevel: 6, windowBits: 13, chunkSize: 4_096 };
const SHORT_BYTES = 8_192;

/** Only what is sealed is deflated: what lies in the clear is checked by its own hash. Null: it would not be an eighth shorter. */
function deflatedOf(plaintext: Uint8Array): Uint8Array | null {
  if (plaintext.length < MIN_DEFLATED_BYTES) return null;
  const deflated = deflateRawSync(plaintext, plaintext.length <= SHORT_BYTES ? DEFLATE_SHORT : { level: 1 });
  return deflated.length < plaintext.length * (7 / 8) ? deflated : null;
}

function withRoom(bytes: Buffer, used: number, content: string | Uint8Array): Buffer {
  // Three bytes a UTF-16 unit at most; counted only when that guess does not fit.
  if (bytes.length - used >= content.length * 3 + SEAL_BYTES) return bytes;
  const size = typeof content === "string" ? Buffer.byteLength(content) : content.length;
  const needed = used + size + SEAL_BYTES;
  if (needed <= bytes.length) return bytes;
  const larger = Buffer.allocUnsafeSlow(Math.max(needed, Math.min(bytes.length * 2, bytes.length + MAX_PACK_BYTES)));
  larger.set(bytes.subarray(0, used));
  return larger;
}
