import { failHandler, type Handler } from "../capture/observed-handler.ts";
import type { RecordedStep } from "./recorded-run.ts";

type Answer = NonNullable<RecordedStep["model"]> & Pick<RecordedStep, "error">;

/** As it came over the wire: its status, the head that a client needs to read it, and its body, a stream event by event. */
function wireForm({ status, body, streaming }: Answer) {
  const text = body ?? "";
  const isEvents = streaming && /^(?:event|data|id|:)/m.test(text);
  const type = isEvents ? "text/event-stream" : streaming ? "application/x-ndjson" : "application/json";
  const pieces = streaming ? text.split(isEvents ? /(?<=\n\r?\n)/ : /(?<=\n)/) : [text];
  return {
    status: status ?? 200,
    type,
    chunks: pieces.filter((piece) => piece !== "").map((piece) => Buffer.from(piece)),
  };
}

function failureOf({ error }: Answer): Error {
  return Object.assign(new Error(error?.message ?? "the recorded call got no answer"), { code: error?.type });
}

/** Tells a handler of undici's, of either shape, a recorded answer as a connection would. */
export function answerHandler(handler: Handler, answer: Answer): void {
  if (answer.status === null) {
    failHandler(handler, failureOf(answer));
    return;
  }
  const { status, type, chunks } = wireForm(answer);
  const told = handler as Record<string, ((...args: unknown[]) => unknown) | undefined>;
  let aborted = false;
  const abort = (reason: unknown) => {
    if (aborted) return;
    aborted = true;
    failHandler(handler, reason);
  };
  const isNew = typeof told["onRequestStart"] === "function";
  const controller = {
    abort,
    pause() {},
    resume() {},
    paused: false,
    get aborted() {
      return aborted;
    },
    reason: null,
    rawHeaders: [],
    rawTrailers: [],
  };
  if (isNew) told["onRequestStart"]?.(controller, { history: [] });
  else told["onConnect"]?.(abort);
  // As a connection would, after the caller has gone on.
  setImmediate(() => {
    if (aborted) return;
    if (isNew) told["onResponseStart"]?.(controller, status, { "content-type": type }, "");
    else told["onHeaders"]?.(status, [Buffer.from("content-type"), Buffer.from(type)], () => {}, "");
    for (const chunk of chunks) {
      if (aborted) return;
      if (isNew) told["onResponseData"]?.(controller, chunk);
      else told["onData"]?.(chunk);
    }
    if (aborted) return;
    if (isNew) told["onResponseEnd"]?.(controller, {});
    else told["onComplete"]?.([]);
  });
}

/** The same for those that are handed a `fetch`. */
export function recordedResponse(answer: Answer): Response {
  if (answer.status === null) throw failureOf(answer);
  const { status, type, chunks } = wireForm(answer);
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const chunk = chunks.shift();
      if (chunk === undefined) controller.close();
      else controller.enqueue(chunk);
    },
  });
  return new Response(body, { status, headers: { "content-type": type } });
}
