import { z } from "zod";
import { failHandler, type Handler } from "../capture/observed-handler.ts";
import { AWS_EVENT_STREAM, awsMessage } from "../wire/aws-event-stream.ts";
import { jsonOrUndefined } from "../wire/server-sent-events.ts";
import type { RecordedStep } from "./recorded-run.ts";

/** What a model call is given instead of the network. */
export interface RecordedAnswer extends Pick<RecordedStep, "error"> {
  /** Null: the call got no answer. */
  status: number | null;
  body: string | null;
  streaming: boolean;
  /** The answer ended before it was whole, and so does this one. */
  brokeOff: boolean;
}

const awsEvent = z.strictObject({ type: z.string(), kind: z.string(), payload: z.string() });

/** As it came over the wire: its status, the head that a client needs to read it, and its body, a stream event by event. */
export function wireForm({ status, body, streaming }: RecordedAnswer): {
  status: number;
  type: string;
  chunks: Buffer[];
} {
  const text = body ?? "";
  const form = (type: string, pieces: string[]) => {
    const chunks = pieces.filter((piece) => piece !== "").map((piece) => Buffer.from(piece));
    return { status: status ?? 200, type, chunks };
  };
  if (!streaming) return form("application/json", [text]);
  if (/^(?:event|data|id|:)/m.test(text)) return form("text/event-stream", text.split(/(?<=\n\r?\n)/));
  const lines = text.split(/(?<=\n)/);
  const events = lines.map((line) => awsEvent.safeParse(jsonOrUndefined(line)).data);
  if (events[0] === undefined) return form("application/x-ndjson", lines);
  return { ...form(AWS_EVENT_STREAM, []), chunks: events.filter((event) => event !== undefined).map(awsMessage) };
}

export function failureOf({ error }: RecordedAnswer): Error {
  return Object.assign(new Error(error?.message ?? "the recorded call got no answer"), { code: error?.type });
}

/** Tells a handler of undici's, of either shape, a recorded answer as a connection would. */
export function answerHandler(handler: Handler, answer: RecordedAnswer): void {
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
  /** As a connection would: after the caller has gone on, and each piece by itself. */
  async function tell(): Promise<void> {
    const pieces = [
      () =>
        isNew
          ? told["onResponseStart"]?.(controller, status, { "content-type": type }, "")
          : told["onHeaders"]?.(status, [Buffer.from("content-type"), Buffer.from(type)], () => {}, ""),
      ...chunks.map((chunk) => () => (isNew ? told["onResponseData"]?.(controller, chunk) : told["onData"]?.(chunk))),
      () => (answer.brokeOff ? abort(failureOf(answer)) : undefined),
      () => (isNew ? told["onResponseEnd"]?.(controller, {}) : told["onComplete"]?.([])),
    ];
    for (const piece of pieces) {
      await turn();
      if (!aborted) piece();
    }
  }
  tell().catch(abort);
}

/** Of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** The same for those that are handed a `fetch`. */
export function recordedResponse(answer: RecordedAnswer): Response {
  if (answer.status === null) throw failureOf(answer);
  const { status, type, chunks } = wireForm(answer);
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const chunk = chunks.shift();
      if (chunk !== undefined) controller.enqueue(chunk);
      else if (answer.brokeOff) controller.error(failureOf(answer));
      else controller.close();
    },
  });
  return new Response(body, { status, headers: { "content-type": type } });
}
