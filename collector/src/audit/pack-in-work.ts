import { hash } from "node:crypto";
import type { StoredPayload } from "./payload-packer.ts";

export interface Pack {
  sha256: string;
  bytes: Uint8Array;
}

/** The pack that payloads are put into, one after the other, until it is large enough. */
export interface PackInWork {
  /** Closes the pack if it is full: before a payload is written, and before its base is named. */
  makeRoom(): void;
  /** Writes bytes at the pack's end, where the next `write` goes over them unless they are kept. */
  write(content: string | Uint8Array, form: StoredPayload["form"]): StoredPayload;
  /** A copy of what was just written. */
  copyOf(payload: StoredPayload): Buffer;
  keep(payload: StoredPayload): StoredPayload;
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
  return {
    makeRoom: () => {
      if (used >= MAX_PACK_BYTES) close();
    },
    write: (content, form) => {
      bytes = withRoom(bytes, used, content);
      const sizeBytes = typeof content === "string" ? bytes.write(content, used) : content.length;
      if (typeof content !== "string") bytes.set(content, used);
      const sha256 = hash("sha256", bytes.subarray(used, used + sizeBytes), "hex");
      return { form, sha256, sizeBytes, offset: used, pack: "" };
    },
    copyOf: ({ offset, sizeBytes }) => Buffer.from(bytes.subarray(offset, offset + sizeBytes)),
    keep: (payload) => {
      used += payload.sizeBytes;
      inWork.push(payload);
      return payload;
    },
    finish: () => {
      close();
      const packs = closed;
      closed = [];
      return packs;
    },
  };
}

function withRoom(bytes: Buffer, used: number, content: string | Uint8Array): Buffer {
  // Three bytes a UTF-16 unit at most; counted only when that guess does not fit.
  if (bytes.length - used >= content.length * 3) return bytes;
  const needed = used + (typeof content === "string" ? Buffer.byteLength(content) : content.length);
  if (needed <= bytes.length) return bytes;
  const larger = Buffer.allocUnsafeSlow(Math.max(needed, Math.min(bytes.length * 2, bytes.length + MAX_PACK_BYTES)));
  larger.set(bytes.subarray(0, used));
  return larger;
}
