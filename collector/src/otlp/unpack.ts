import { promisify } from "node:util";
import { gunzip, gunzipSync, inflate, type ZlibOptions, zstdDecompress, zstdDecompressSync } from "node:zlib";
import type { BodyEncoding } from "@runledger/storage";
import { OtlpError } from "./otlp.ts";

/** How a body may be packed on its way; deflate (RFC 1950) is not kept so. */
export type Packing = BodyEncoding | "deflate";

const UNPACK = {
  gzip: promisify<Uint8Array, ZlibOptions, Buffer>(gunzip),
  zstd: promisify<Uint8Array, { maxOutputLength: number }, Buffer>(zstdDecompress),
  deflate: promisify<Uint8Array, ZlibOptions, Buffer>(inflate),
};

/** A guess for who does not tell: histories repeat. Where it is too small it grows, so that no request holds much more than it takes. */
const [LIKELY_RATIO, LEAST_GUESS_BYTES, GROWTH] = [8, 65_536, 4];

/**
 * The body without its compression; `reserve` is told how many bytes unpacking may take, before it takes them.
 * @throws OtlpError `too_large` beyond `maxBytes`, `malformed` for broken data.
 */
export async function unpackBody(
  body: Uint8Array,
  encoding: Packing,
  maxBytes: number,
  reserve: (bytes: number) => void,
): Promise<Buffer> {
  if (encoding === "identity") return viewOf(body);
  const unpack = UNPACK[encoding];
  for (let limit = likelyUnpackedBytes(body, encoding); ; limit *= GROWTH) {
    const maxOutputLength = Math.min(limit, maxBytes);
    reserve(maxOutputLength);
    try {
      const plain = await unpack(body, { maxOutputLength });
      reserve(plain.length);
      return plain;
    } catch (cause) {
      if (!isTooLong(cause) || maxOutputLength === maxBytes) throw unpackError(encoding, maxBytes, cause);
    }
  }
}

/** What a body probably unpacks to; what it says of itself may be wrong. */
function likelyUnpackedBytes(body: Uint8Array, encoding: Packing): number {
  const told = encoding === "gzip" ? sizeInGzip(viewOf(body)) : encoding === "zstd" ? sizeInZstd(viewOf(body)) : null;
  return told ?? Math.max(LEAST_GUESS_BYTES, body.byteLength * LIKELY_RATIO);
}

/** gzip tells at its end: RFC 1952, ISIZE. */
function sizeInGzip(body: Buffer): number | null {
  return body.length < 18 ? null : Math.max(1, body.readUInt32LE(body.length - 4));
}

/** A zstd frame tells in its header, if its sender knew: RFC 8878, 3.1.1.1. */
function sizeInZstd(body: Buffer): number | null {
  const descriptor = body[4] ?? 0;
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const at = 5 + (isSingleSegment ? 0 : 1) + ([0, 1, 2, 4][descriptor & 3] ?? 0);
  const kind = descriptor >> 6;
  const bytes = kind === 0 ? Number(isSingleSegment) : 2 ** kind;
  if (bytes === 0 || body.length < at + bytes) return null;
  const told = bytes === 8 ? Number(body.readBigUInt64LE(at)) : body.readUIntLE(at, bytes) + (bytes === 2 ? 256 : 0);
  return Math.max(1, told);
}

/** The same, on the spot. */
export function unpackBodySync(body: Uint8Array, encoding: BodyEncoding, maxBytes: number): Buffer {
  const limit = { maxOutputLength: maxBytes };
  try {
    if (encoding === "identity") return viewOf(body);
    return encoding === "gzip" ? gunzipSync(body, limit) : zstdDecompressSync(body, limit);
  } catch (cause) {
    throw unpackError(encoding, maxBytes, cause);
  }
}

function viewOf(body: Uint8Array): Buffer {
  return Buffer.isBuffer(body) ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
}

function unpackError(encoding: Packing, maxBytes: number, cause: unknown): OtlpError {
  if (isTooLong(cause)) {
    return new OtlpError(
      "too_large",
      `the ${encoding} body unpacks to more than ${maxBytes} bytes; send smaller batches`,
      cause,
    );
  }
  return new OtlpError(
    "malformed",
    `the body is not valid ${encoding}: ${cause instanceof Error ? cause.message : String(cause)}`,
    cause,
  );
}

function isTooLong(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && cause.code === "ERR_BUFFER_TOO_LARGE";
}
