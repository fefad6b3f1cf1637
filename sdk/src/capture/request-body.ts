import type { Failures } from "../failures.ts";
import type { DispatchOptions } from "./dispatcher.ts";

/** A longer request is sent as it is and recorded without its content. */
const MAX_REQUEST_BYTES = 33_554_432;
const utf8 = new TextDecoder();

/**
 * The body's text before it is sent, and a body of the same bytes to send in its place. `fetch` hands over everything as
 * a generator; one that has a Content-Length was in memory as a whole, so reading it first delays nothing. A stream has
 * none: it is left alone, and its text is undefined. Never rejects.
 */
export async function readAhead(
  { body, headers }: DispatchOptions,
  failures: Failures,
): Promise<{ text?: string; body: unknown }> {
  if (typeof body === "string") return { text: body, body };
  if (body instanceof Uint8Array || body instanceof ArrayBuffer) return { text: utf8.decode(body), body };
  if (!isGenerator(body) || contentLength(headers) > MAX_REQUEST_BYTES) return { body };
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of body) chunks.push(chunk);
    const [only, another] = chunks;
    const whole = only !== undefined && another === undefined ? only : Buffer.concat(chunks);
    return { text: utf8.decode(whole), body: whole };
  } catch (error) {
    failures.report("capture", error);
    return { body: replay(chunks, { error }) };
  }
}

async function* replay(chunks: readonly Uint8Array[], failure?: { error: unknown }): AsyncGenerator<Uint8Array> {
  yield* chunks;
  if (failure !== undefined) throw failure.error;
}

function isGenerator(body: unknown): body is AsyncGenerator<Uint8Array> {
  return Object.prototype.toString.call(body) === "[object AsyncGenerator]";
}

/** Infinity: not told. */
function contentLength(headers: unknown): number {
  if (typeof headers !== "object" || headers === null || !("content-length" in headers)) return Infinity;
  return Number(headers["content-length"]);
}
