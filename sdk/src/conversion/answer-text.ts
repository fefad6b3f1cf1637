import * as zlib from "node:zlib";
import { AWS_EVENT_STREAM, awsTranscript } from "../wire/aws-event-stream.ts";
import { headerOf, type RawModelCall } from "./raw-model-call.ts";

/** A longer answer is recorded without its content. Of the bytes on the wire, and again of what they unpack to. */
export const MAX_ANSWER_BYTES = 33_554_432;

const utf8 = new TextDecoder();
const maxOutputLength = MAX_ANSWER_BYTES;
const { Z_SYNC_FLUSH, BROTLI_OPERATION_FLUSH, ZSTD_e_flush } = zlib.constants;

/** As far as it got: an answer that broke off is unpacked to there. @throws when it is too long or can't be unpacked. */
export function answerText(call: Pick<RawModelCall, "answer" | "answerBytes" | "headers">): string {
  if (call.answerBytes > MAX_ANSWER_BYTES) throw new Error(`an answer of ${call.answerBytes} bytes is not kept`);
  let body: Uint8Array = Buffer.from(call.answer, "latin1");
  for (const coding of codingsOf(call).reverse()) body = unpack(body, coding);
  const contentType = headerOf(call, "content-type") ?? "";
  return contentType.startsWith(AWS_EVENT_STREAM) ? awsTranscript(body) : utf8.decode(body);
}

/** Content codings, in the order in which they were applied: https://www.rfc-editor.org/rfc/rfc9110#section-8.4.1 */
export function codingsOf(call: Pick<RawModelCall, "headers">): string[] {
  const named = (headerOf(call, "content-encoding") ?? "").toLowerCase().split(",");
  return named.map((coding) => coding.trim()).filter((coding) => coding !== "" && coding !== "identity");
}

function unpack(bytes: Uint8Array, coding: string): Uint8Array {
  if (bytes.byteLength === 0) return bytes;
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
