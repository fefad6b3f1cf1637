import { promisify } from "node:util";
import { gunzip, gunzipSync, type ZlibOptions, zstdDecompress, zstdDecompressSync } from "node:zlib";
import type { BodyEncoding } from "@runledger/storage";
import { OtlpError } from "./otlp.ts";

const unpackGzip = promisify<Uint8Array, ZlibOptions, Buffer>(gunzip);
const unpackZstd = promisify<Uint8Array, { maxOutputLength: number }, Buffer>(zstdDecompress);

/** The body without its compression. @throws OtlpError `too_large` beyond `maxBytes`, `malformed` for broken data. */
export async function unpackBody(body: Uint8Array, encoding: BodyEncoding, maxBytes: number): Promise<Buffer> {
  const limit = { maxOutputLength: maxBytes };
  try {
    if (encoding === "identity") return viewOf(body);
    return encoding === "gzip" ? await unpackGzip(body, limit) : await unpackZstd(body, limit);
  } catch (cause) {
    throw unpackError(encoding, maxBytes, cause);
  }
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

function unpackError(encoding: BodyEncoding, maxBytes: number, cause: unknown): OtlpError {
  if (cause instanceof Error && "code" in cause && cause.code === "ERR_BUFFER_TOO_LARGE") {
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
