import * as zlib from "node:zlib";
import { AWS_EVENT_STREAM, awsTranscript } from "../wire/aws-event-stream.ts";

/** A longer answer is recorded without its content. Of the bytes on the wire, and again of what they unpack to. */
const MAX_ANSWER_BYTES = 33_554_432;

const utf8 = new TextDecoder();
const maxOutputLength = MAX_ANSWER_BYTES;
const { Z_SYNC_FLUSH, BROTLI_OPERATION_FLUSH, ZSTD_e_flush } = zlib.constants;

/** Our copy of an answer's bytes, as they come over the wire. */
export interface AnswerBody {
  /** Copied: the caller may do with its own what it likes. */
  add(bytes: Uint8Array): void;
  /** As far as it got: an answer that broke off is unpacked to there. @throws when it is too long or can't be unpacked. */
  text(contentEncoding: string, contentType?: string): string;
}

export function createAnswerBody(): AnswerBody {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  return {
    add(bytes) {
      sizeBytes += bytes.byteLength;
      if (sizeBytes > MAX_ANSWER_BYTES) chunks.length = 0;
      else chunks.push(Buffer.from(bytes));
    },
    text(contentEncoding, contentType = "") {
      if (sizeBytes > MAX_ANSWER_BYTES) throw new Error(`an answer of ${sizeBytes} bytes is not kept`);
      let body: Uint8Array = Buffer.concat(chunks);
      for (const coding of contentEncoding.toLowerCase().split(",").reverse()) body = unpack(body, coding.trim());
      return contentType.startsWith(AWS_EVENT_STREAM) ? awsTranscript(body) : utf8.decode(body);
    },
  };
}

/** Content codings: https://www.rfc-editor.org/rfc/rfc9110#section-8.4.1 */
function unpack(bytes: Uint8Array, coding: string): Uint8Array {
  if (coding === "" || coding === "identity" || bytes.byteLength === 0) return bytes;
  if (coding === "gzip" || coding === "x-gzip") {
    return zlib.gunzipSync(bytes, { maxOutputLength, finishFlush: Z_SYNC_FLUSH });
  }
  if (coding === "deflate") {
    // Some servers leave out the zlib header, whose first byte says method 8.
    const inflate = ((bytes[0] ?? 0) & 0x0f) === 8 ? zlib.inflateSync : zlib.inflateRawSync;
    return inflate(bytes, { maxOutputLength, finishFlush: Z_SYNC_FLUSH });
  }
  if (coding === "br") {
    return zlib.brotliDecompressSync(bytes, { maxOutputLength, finishFlush: BROTLI_OPERATION_FLUSH });
  }
  if (coding === "zstd") return zlib.zstdDecompressSync(bytes, { maxOutputLength, finishFlush: ZSTD_e_flush });
  throw new Error(`an answer in content coding ${coding}`);
}
