import { crc32 } from "node:zlib";
import { BODY_ENCODINGS, BODY_FORMATS, type JournalEntry, type JournalFrame, SIGNALS } from "./journal.ts";

/** Bytes of a frame's header; tenant and body follow it. A marker is a header alone. */
export const FRAME_HEADER_BYTES = 48;
export const FRAME_MAGIC = Buffer.from("RLJ1");
const MARKER = 0;
const FRAME = 1;
/** A frame that Runledger sent itself. */
const OWN_FRAME = 2;
const HEADER_CRC_OFFSET = FRAME_HEADER_BYTES - 4;

/**
 * What a header says. `durableSeq` is the writer's promise when it wrote this header: every frame up to it was fsynced. So a frame that is
 * unreadable though a later header covers it was committed and is damaged; an unreadable one that no header covers was never acknowledged.
 */
export interface FrameHeader {
  isMarker: boolean;
  seq: number;
  durableSeq: number;
  /** Header, tenant and body. */
  sizeBytes: number;
}

/** Bytes that a frame of this entry takes. */
export function frameBytes(entry: JournalEntry): number {
  return FRAME_HEADER_BYTES + Buffer.byteLength(entry.tenant) + entry.body.byteLength;
}

/** Header and tenant of a frame; the body follows as it is. `salt` is the segment's: bytes inside a body can't pass for a frame. */
export function encodeFrameHead(entry: JournalEntry, seq: number, durableSeq: number, salt: number): Buffer {
  const head = Buffer.alloc(FRAME_HEADER_BYTES + Buffer.byteLength(entry.tenant));
  const tenantBytes = head.write(entry.tenant, FRAME_HEADER_BYTES);
  head[4] = entry.own === true ? OWN_FRAME : FRAME;
  head[5] = SIGNALS.indexOf(entry.signal);
  head[6] = BODY_FORMATS.indexOf(entry.format);
  head[7] = BODY_ENCODINGS.indexOf(entry.encoding);
  head.writeBigUInt64LE(entry.receivedUnixNano, 24);
  head.writeUInt32LE(tenantBytes, 32);
  head.writeUInt32LE(entry.body.byteLength, 36);
  head.writeUInt32LE(crc32(entry.body, crc32(head.subarray(FRAME_HEADER_BYTES), salt)), 40);
  return sealHeader(head, seq, durableSeq, salt);
}

/** "Every frame up to `durableSeq` is on the disk." */
export function encodeMarker(durableSeq: number, salt: number): Buffer {
  const head = Buffer.alloc(FRAME_HEADER_BYTES);
  head[4] = MARKER;
  return sealHeader(head, durableSeq, durableSeq, salt);
}

function sealHeader(head: Buffer, seq: number, durableSeq: number, salt: number): Buffer {
  FRAME_MAGIC.copy(head);
  head.writeBigUInt64LE(BigInt(seq), 8);
  head.writeBigUInt64LE(BigInt(durableSeq), 16);
  head.writeUInt32LE(crc32(head.subarray(0, HEADER_CRC_OFFSET), salt), HEADER_CRC_OFFSET);
  return head;
}

/** The header at `offset`, or null when there is no whole and valid one. */
export function decodeFrameHeader(bytes: Buffer, offset: number, salt: number): FrameHeader | null {
  if (offset + FRAME_HEADER_BYTES > bytes.length) return null;
  const head = bytes.subarray(offset, offset + FRAME_HEADER_BYTES);
  if (!head.subarray(0, 4).equals(FRAME_MAGIC)) return null;
  if (head.readUInt32LE(HEADER_CRC_OFFSET) !== crc32(head.subarray(0, HEADER_CRC_OFFSET), salt)) return null;
  return {
    isMarker: head[4] === MARKER,
    seq: Number(head.readBigUInt64LE(8)),
    durableSeq: Number(head.readBigUInt64LE(16)),
    sizeBytes: FRAME_HEADER_BYTES + head.readUInt32LE(32) + head.readUInt32LE(36),
  };
}

/** Does the frame at `offset`, whose header is valid, have the tenant and body that its header tells? */
export function hasValidContent(bytes: Buffer, offset: number, header: FrameHeader, salt: number): boolean {
  const end = offset + header.sizeBytes;
  if (end > bytes.length) return false;
  return (
    bytes.readUInt32LE(offset + 40) ===
    (header.isMarker ? 0 : crc32(bytes.subarray(offset + FRAME_HEADER_BYTES, end), salt))
  );
}

/** The frame at `offset`, found valid before; its body is a view into `bytes`. Null when a name in it is unknown to this version. */
export function decodeFrame(bytes: Buffer, offset: number, header: FrameHeader): JournalFrame | null {
  const signal = SIGNALS[bytes.readUInt8(offset + 5)];
  const format = BODY_FORMATS[bytes.readUInt8(offset + 6)];
  const encoding = BODY_ENCODINGS[bytes.readUInt8(offset + 7)];
  if (signal === undefined || format === undefined || encoding === undefined) return null;
  const bodyStart = offset + FRAME_HEADER_BYTES + bytes.readUInt32LE(offset + 32);
  return {
    seq: header.seq,
    signal,
    format,
    encoding,
    tenant: bytes.toString("utf8", offset + FRAME_HEADER_BYTES, bodyStart),
    receivedUnixNano: bytes.readBigUInt64LE(offset + 24),
    ...(bytes[offset + 4] === OWN_FRAME ? { own: true } : {}),
    body: bytes.subarray(bodyStart, offset + header.sizeBytes),
  };
}
