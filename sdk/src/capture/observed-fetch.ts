import { Readable } from "node:stream";
import { recordedResponse } from "../replay/recorded-answer.ts";
import { stepError } from "../run/step-error.ts";
import type { CaptureDependencies } from "./dispatcher.ts";
import type { Exchanges } from "./exchange.ts";
import type { ModelCall } from "./model-call.ts";
import { headersOf } from "./observed-handler.ts";

export type Fetch = (input: unknown, init?: RequestInit) => Promise<Response>;

/** The same `fetch`, whatever it sends with, the model calls of wrapped agents through it recorded and held to their limits; what is below is not looked at again. */
export function observeFetch(
  inner: Fetch,
  { scopes, failures, replays }: CaptureDependencies,
  exchanges: Exchanges,
): Fetch {
  return async function fetch(input, init) {
    const scope = scopes.getStore();
    const address = scope && failures.attempt("capture", () => exchanges.recognise(headOf(input, init)));
    if (scope === undefined || address === undefined) return await inner(input, init);
    const text = await bodyOf(input, init).catch((error: unknown) => failures.report("capture", error));
    const call = exchanges.begin(scope, address, text ?? undefined);
    if (call === undefined) return await inner(input, init);
    const signals = [init?.signal, scope.guard.signal].filter((signal) => signal instanceof AbortSignal);
    try {
      const bounded = signals.length === 0 ? init : { ...init, signal: AbortSignal.any(signals) };
      const replay = replays.getStore()?.session;
      const answer = replay && exchanges.replayed(replay, address, text ?? undefined);
      const response = answer ? recordedResponse(answer) : await scopes.run(undefined, () => inner(input, bounded));
      return failures.attempt("capture", () => observeResponse(response, call)) ?? response;
    } catch (error) {
      call.finish(stepError(error));
      throw error;
    }
  };
}

function headOf(input: unknown, init: RequestInit | undefined): { method: string; origin: string; path: string } {
  const request = input instanceof Request ? input : undefined;
  const url = new URL(request?.url ?? String(input));
  return { method: init?.method ?? request?.method ?? "GET", origin: url.origin, path: url.pathname + url.search };
}

/** Undefined: a stream, which is left alone. */
async function bodyOf(input: unknown, init: RequestInit | undefined): Promise<string | undefined> {
  const body = init?.body;
  if (typeof body === "string") return body;
  if (body instanceof ArrayBuffer || ArrayBuffer.isView(body)) return new TextDecoder().decode(body as ArrayBuffer);
  return body === undefined && input instanceof Request ? await input.clone().text() : undefined;
}

/** `fetch` has unpacked the body: its coding is gone. */
function observeResponse(response: Response, call: ModelCall): Response {
  const headers = headersOf(Object.fromEntries(response.headers)).filter(([name]) => name !== "content-encoding");
  call.responded(response.status, headers);
  const body: unknown = response.body;
  if (body instanceof Readable) {
    observeReadable(body, call); // what some have for a `fetch` on `node:http`
    return response;
  }
  if (!(body instanceof ReadableStream)) {
    call.finish();
    return response;
  }
  const { status, statusText, url, redirected, type } = response;
  const observed = new Response(observeStream(body, call), { status, statusText, headers: response.headers });
  for (const [name, value] of Object.entries({ url, redirected, type }))
    Object.defineProperty(observed, name, { value });
  return observed;
}

/** Nothing of how the caller reads it is touched: what comes in is seen on its way in. */
export function observeReadable(body: Readable, call: ModelCall): void {
  const push = body.push.bind(body);
  body.push = (chunk: unknown, encoding?: BufferEncoding) => {
    try {
      if (chunk === null) call.finish();
      else call.received(chunk as Uint8Array);
    } catch {
      // The call counts its own failures; the caller's answer goes on.
    }
    return push(chunk, encoding);
  };
}

function observeStream(body: ReadableStream<Uint8Array>, call: ModelCall): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (done) {
            call.finish();
            return controller.close();
          }
          call.received(value);
          controller.enqueue(value);
        } catch (error) {
          call.finish(stepError(error));
          throw error;
        }
      },
      async cancel(reason) {
        call.finish({ type: "aborted", message: "the answer was given up" });
        await reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}
