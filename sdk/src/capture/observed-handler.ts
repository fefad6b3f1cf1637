import type { RawModelCall } from "../conversion/raw-model-call.ts";
import type { Failures } from "../failures.ts";
import type { LimitGuard } from "../limits/limit-guard.ts";
import type { StepError } from "../run/run.ts";
import { stepError } from "../run/step-error.ts";
import type { ModelCall } from "./model-call.ts";

/**
 * Whom a dispatcher tells how an exchange goes. There are two shapes, `onConnect`/`onHeaders`/`onData`/`onComplete`/
 * `onError` and since undici 7 `onRequestStart`/`onResponseStart`/`onResponseData`/`onResponseEnd`/`onResponseError`.
 */
export type Handler = object;

type Arguments = readonly unknown[];
type Abort = (reason: unknown) => void;

export interface Observation {
  call: ModelCall;
  /** Whose stop aborts the exchange. */
  guard: LimitGuard;
  failures: Failures;
}

/** The same handler, with all that it is told told to the call too; what it answers, its back-pressure too, is its own. */
export function observeHandler(handler: Handler, { call, guard, failures }: Observation): Handler {
  let abort: Abort | undefined;
  let givenUp: { reason: unknown } | undefined;

  function stop(): void {
    const reason: unknown = guard.signal.reason;
    if (abort !== undefined) {
      abort(reason);
      return;
    }
    // Not connected yet: the caller need not wait for that, and a connection that comes after all is given back.
    givenUp = { reason };
    call.finish(stepError(reason));
    failHandler(handler, reason);
  }
  function connected(to: Abort): void {
    abort = to;
    if (givenUp !== undefined) to(givenUp.reason);
  }
  function ended(error?: StepError): void {
    forget();
    call.finish(error);
  }
  function head(status: unknown, headers: unknown): void {
    // 1xx: the answer is still to come.
    if (typeof status === "number" && status >= 200) call.responded(status, headersOf(headers));
  }
  const listeners: Readonly<Record<PropertyKey, (args: Arguments) => void>> = {
    onConnect: ([to]) => connected(to as Abort),
    onRequestStart: ([controller]) => connected((reason) => (controller as { abort: Abort }).abort(reason)),
    onHeaders: ([status, headers]) => head(status, headers),
    onResponseStart: ([, status, headers]) => head(status, headers),
    onData: ([chunk]) => call.received(chunk as Uint8Array),
    onResponseData: ([, chunk]) => call.received(chunk as Uint8Array),
    onComplete: () => ended(),
    onResponseEnd: () => ended(),
    onError: ([error]) => ended(stepError(error)),
    onResponseError: ([, error]) => ended(stepError(error)),
  };

  const forget = guard.whenStopped(() => failures.attempt("capture", stop));
  return new Proxy(handler, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== "function") return value;
      const listener = listeners[key];
      return (...args: Arguments) => {
        if (listener !== undefined) failures.attempt("capture", () => listener(args));
        return givenUp === undefined ? Reflect.apply(value, target, args) : undefined;
      };
    },
  });
}

/** Tells a handler that its request failed, before anything of it was sent. */
export function failHandler(handler: Handler, error: unknown): void {
  if ("onResponseError" in handler && typeof handler.onResponseError === "function") {
    handler.onResponseError(undefined, error);
  } else if ("onError" in handler && typeof handler.onError === "function") {
    handler.onError(error);
  }
}

/** By name in lower case; from names and values in turn as they came over the wire, or from an object of them. */
export function headersOf(headers: unknown): RawModelCall["headers"] {
  const found: [string, string][] = [];
  const pairs: unknown[] = Array.isArray(headers) ? headers : Object.entries(headers ?? {}).flat(1);
  for (let i = 0; i + 1 < pairs.length; i += 2) {
    const given = pairs[i] as string | Uint8Array;
    if (!LENGTHS_READ.has(given.length)) continue;
    const name = String(given).toLowerCase();
    if (HEADERS_READ.has(name)) found.push([name, String(pairs[i + 1])]);
  }
  return found;
}
const HEADERS_READ: ReadonlySet<string> = new Set(
  "content-type content-encoding x-request-id request-id x-amzn-requestid".split(" "),
);
const LENGTHS_READ: ReadonlySet<number> = new Set([...HEADERS_READ].map((name) => name.length));
