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
  const likelyBytes = Math.min(maxBytes, likelyUnpackedBytes(body, encoding));
  for (const maxOutputLength of [likelyBytes, maxBytes]) {
    reserve(maxOutputLength);
    try {
      const plain = await unpack(body, { maxOutputLength });
      reserve(plain.length);
      return plain;
    } catch (cause) {
      if (!isTooLong(cause) || maxOutputLength === maxBytes) throw unpackError(encoding, maxBytes, cause);
    }
  }
  throw new OtlpError("too_large", `the ${encoding} body unpacks to more than ${maxBytes} bytes; send smaller batches`);
}

/** What a body probably unpacks to: gzip tells at its end (RFC 1952, ISIZE), which may be wrong; others are guessed. */
function likelyUnpackedBytes(body: Uint8Array, encoding: Packing): number {
  if (encoding === "gzip" && body.byteLength >= 18) return Math.max(1, viewOf(body).readUInt32LE(body.byteLength - 4));
  return Math.max(65_536, body.byteLength * 8);
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
