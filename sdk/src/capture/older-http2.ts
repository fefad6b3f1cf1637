import type { ClientHttp2Stream, IncomingHttpHeaders } from "node:http2";
import type { Failures } from "../failures.ts";
import { http2Sessions } from "../replay/held-stream.ts";
import type { ModelCall } from "./model-call.ts";

/** Since this version Node.js tells of its HTTP/2 streams on channels. */
const TOLD_SINCE = [24, 2] as const;

export interface OlderHttp2 {
  /** A stream was made. @returns the model call it is, once that has begun. */
  created(stream: ClientHttp2Stream, headers: IncomingHttpHeaders): () => ModelCall | undefined;
  responded(call: ModelCall, headers: IncomingHttpHeaders): void;
  failures: Failures;
}

/** HTTP/2 on Node.js before 24.2: seen where its sessions make their streams. @returns stops seeing. */
export function captureOlderHttp2({ created, responded, failures }: OlderHttp2): () => void {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > TOLD_SINCE[0] || (major === TOLD_SINCE[0] && minor >= TOLD_SINCE[1])) return () => {};
  const sessions = http2Sessions();
  const original = sessions.request;
  let active = true;
  const request: typeof original = function (headers = {}, options) {
    const stream: ClientHttp2Stream = Reflect.apply(original, this, [headers, options]);
    const callOf = active ? failures.attempt("capture", () => created(stream, headers)) : undefined;
    if (callOf !== undefined) failures.attempt("capture", () => observe(stream, callOf, responded));
    return stream;
  };
  sessions.request = request;
  return () => {
    active = false;
    if (sessions.request === request) sessions.request = original;
  };
}

/** What arrives in one piece with the answer's head is pushed before the head is told: its end waits for that. */
function observe(
  stream: ClientHttp2Stream,
  callOf: () => ModelCall | undefined,
  responded: OlderHttp2["responded"],
): void {
  const push = stream.push.bind(stream);
  stream.push = (chunk: unknown, encoding?: BufferEncoding) => {
    try {
      if (chunk === null) process.nextTick(() => callOf()?.finish());
      else callOf()?.received(chunk as Uint8Array);
    } catch {
      // The call counts its own failures; the caller's answer goes on.
    }
    return push(chunk, encoding);
  };
  stream.once("response", (headers) => {
    const call = callOf();
    if (call !== undefined) responded(call, headers);
  });
}
