import type { Failures } from "../failures.ts";
import { createAttempts } from "../run/attempts.ts";
import type { Scope } from "../run/scope.ts";
import { stepError } from "../run/step-error.ts";
import { recordInferredTool } from "./inferred-tool.ts";
import { type ModelCall, startModelCall } from "./model-call.ts";
import { observeResponse } from "./observed-body.ts";
import type { ModelRequest, WireFormat } from "./wire-format.ts";
import { WIRE_FORMATS } from "./wire-formats.ts";

type Fetch = typeof globalThis.fetch;

export interface CaptureDependencies {
  /** The wrapped agent that the caller is part of. */
  currentScope: () => Scope | undefined;
  failures: Failures;
}

/**
 * A `fetch` that does what the given one does, and records the model calls that wrapped agents make through it. It
 * differs in one thing: past a limit the call is refused with AgentStopped, and the wall clock aborts it.
 */
export function captureFetch(original: Fetch, { currentScope, failures }: CaptureDependencies): Fetch {
  const attempts = createAttempts();

  async function capture(scope: Scope, found: Recognised, input: Parameters<Fetch>[0], init?: RequestInit) {
    const body = await bodyText(input, init).catch((error) => failures.report("capture", error));
    const request = body ? failures.attempt("capture", () => found.format.readRequest(body)) : undefined;
    if (request !== undefined) failures.attempt("capture", () => recordResults(scope, request));
    scope.guard.check();
    const owner = scope.run;
    const attempt = body ? attempts.next(owner, body) : 1;
    const onFinish = (failed: boolean) => body && attempts.ended(owner, body, attempt, failed);
    const start = { ...found, scope, request, attempt, failures, onFinish };
    const call = failures.attempt("record", () => startModelCall(start));
    try {
      const response = await original(input, withSignal(input, init, scope.guard.signal));
      return (call && failures.attempt("capture", () => observe(response, call))) ?? response;
    } catch (error) {
      call?.finish(stepError(error));
      throw error;
    }
  }

  return function fetch(this: unknown, ...args: Parameters<Fetch>) {
    const scope = currentScope();
    const found = scope && failures.attempt("capture", () => recognise(...args));
    if (scope === undefined || found === undefined) return Reflect.apply(original, this, args);
    return capture(scope, found, ...args);
  };
}

export interface FetchPatch {
  fetch: Fetch;
  remove(): void;
}

/**
 * Puts the capture in front of the global `fetch`. Taken out again it only passes on, for clients that still hold it;
 * where somebody has put theirs in front since, it stays below.
 */
export function patchGlobalFetch(dependencies: CaptureDependencies): FetchPatch {
  const original = globalThis.fetch;
  let active = true;
  const currentScope = () => (active ? dependencies.currentScope() : undefined);
  const fetch = captureFetch(original, { ...dependencies, currentScope });
  globalThis.fetch = fetch;
  return {
    fetch,
    remove() {
      active = false;
      if (globalThis.fetch === fetch) globalThis.fetch = original;
    },
  };
}

interface Recognised {
  url: URL;
  format: WireFormat;
}

function recognise(input: Parameters<Fetch>[0], init?: RequestInit): Recognised | undefined {
  const request = input instanceof Request ? input : undefined;
  if ((init?.method ?? request?.method ?? "GET").toUpperCase() !== "POST") return undefined;
  const address = request?.url ?? String(input);
  if (!URL.canParse(address)) return undefined; // the real fetch says so to the caller
  const url = new URL(address);
  const format = WIRE_FORMATS.find((other) => other.matches(url));
  return format === undefined ? undefined : { url, format };
}

/** The request's body, read without using it up; undefined for a stream, which can be read once only. */
async function bodyText(input: Parameters<Fetch>[0], init: RequestInit | undefined): Promise<string | undefined> {
  const body = init?.body;
  if (typeof body === "string") return body;
  if (body instanceof Uint8Array || body instanceof ArrayBuffer) return new TextDecoder().decode(body);
  if ((body === undefined || body === null) && input instanceof Request) return await input.clone().text();
  return undefined;
}

function recordResults(scope: Scope, request: ModelRequest): void {
  const endTime = scope.run.now();
  for (const { callId, result } of request.toolResults) {
    const call = scope.run.toolCalls.take(callId);
    if (call !== undefined) recordInferredTool(scope, call, { endTime, result });
  }
}

/** Without a bound on time the caller's own arguments go on untouched. */
function withSignal(input: Parameters<Fetch>[0], init: RequestInit | undefined, signal: AbortSignal | undefined) {
  if (signal === undefined) return init;
  const callers = init?.signal ?? (input instanceof Request ? input.signal : undefined);
  return { ...init, signal: callers ? AbortSignal.any([callers, signal]) : signal };
}

function observe(response: Response, call: ModelCall): Response {
  const requestId = response.headers.get("x-request-id") ?? undefined;
  call.responded(response.status, response.headers.get("content-type") ?? "", requestId);
  return observeResponse(response, {
    text: (text) => call.received(text),
    end(end) {
      if (end.how === "complete") call.finish();
      else if (end.how === "failed") call.finish(stepError(end.error));
      else call.finish({ type: "cancelled", message: "the agent stopped reading the answer" });
    },
  });
}
