import { once } from "../conversion/model-call-reading.ts";
import type { Failures } from "../failures.ts";
import { expectedUsage } from "../limits/call-usage.ts";
import type { RecordedAnswer } from "../replay/recorded-answer.ts";
import type { ReplayedCall, ReplaySession } from "../replay/replay-session.ts";
import { createAttempts } from "../run/attempts.ts";
import type { Scope } from "../run/scope.ts";
import { providerOf } from "../wire/provider.ts";
import type { ModelRequest, WireFormat } from "../wire/wire-format.ts";
import { formatOf } from "../wire/wire-formats.ts";
import { recordInferredTool } from "./inferred-tool.ts";
import { type ModelCall, quietly, startModelCall } from "./model-call.ts";

export interface ModelAddress {
  url: URL;
  format: WireFormat;
}

/** The one place that turns an HTTP exchange into a model call, whichever way it was seen. */
export interface Exchanges {
  /** Undefined: no model call. */
  recognise(request: { method: string; origin?: string | URL | null; path: string }): ModelAddress | undefined;
  /** Within a replay: what the call is answered with. Undefined: it is to be made. @throws ReplayDiverged */
  replayed(session: ReplaySession, address: ModelAddress, body: string | undefined): RecordedAnswer | undefined;
  /**
   * Before the request goes out. @param body its text; undefined when we could not look into it.
   * @throws AgentStopped when a limit is reached: it must not go out. Undefined: our own failure, and the call goes on.
   */
  begin(scope: Scope, address: ModelAddress, body: string | undefined): ModelCall | undefined;
}

export function createExchanges(failures: Failures): Exchanges {
  const attempts = createAttempts();
  const addressOf = createAddresses();
  const read = ({ format, url }: ModelAddress, body: string | undefined) =>
    body ? failures.attempt("capture", () => format.readRequest(body, url)) : undefined;
  return {
    recognise({ method, origin, path }) {
      return method.toUpperCase() === "POST" && origin ? addressOf(String(origin), path) : undefined;
    },
    replayed(session, address, body) {
      const request = read(address, body);
      if (isOfOthers(address, body, request)) return undefined;
      const step = session.model(request);
      if (step === undefined) return undefined;
      const { status, body: text, streaming, error } = step;
      return { status, body: text, streaming, error, brokeOff: brokeOff(address.format, step) };
    },
    begin(scope, address, body) {
      const request = once(() => (body ? quietly(() => address.format.readRequest(body, address.url)) : undefined));
      if (address.format.pathIsCommon && isOfOthers(address, body, request())) return undefined;
      const { run, guard, price } = scope;
      if (run.toolCalls.isWaiting()) failures.attempt("capture", () => recordResults(scope, request()));
      const provider = providerOf(address.url.hostname, address.format.provider);
      const expected = guard.countsUsage
        ? failures.attempt("callback", () => expectedUsage({ provider, body, model: () => request()?.model, price }))
        : undefined;
      const admission = guard.admit(expected ?? { tokens: 0, costUsd: undefined });
      const attempt = body ? attempts.next(run, () => body) : 1;
      const onFinish = (failed: boolean) => body && attempts.ended(run, () => body, attempt, failed);
      const start = { ...address, provider, scope, body, request, attempt, admission, failures, onFinish };
      const call = failures.attempt("record", () => startModelCall(start));
      if (call === undefined) admission.settle();
      return call;
    },
  };
}

/** Of so many addresses it is remembered what they are: a process calls the same few. */
const MAX_ADDRESSES = 256;

function createAddresses(): (origin: string, path: string) => ModelAddress | undefined {
  const known = new Map<string, ModelAddress | undefined>();
  return (origin, path) => {
    const key = `${origin} ${path}`;
    if (known.has(key)) return known.get(key);
    const url = URL.parse(path, origin);
    const format = url && formatOf(url);
    const address = format ? { url, format } : undefined;
    if (known.size >= MAX_ADDRESSES) known.clear();
    known.set(key, address);
    return address;
  };
}

/** Somebody else's service, which no limit of ours concerns. */
function isOfOthers({ format }: ModelAddress, body: string | undefined, request: ModelRequest | undefined): boolean {
  return Boolean(body) && request === undefined && format.pathIsCommon === true;
}

function brokeOff(format: WireFormat, { status, body, streaming, error }: ReplayedCall): boolean {
  if (error === null || status === null || status >= 400 || body === null) return false;
  try {
    const { complete, error: told } = format.readResponse(body, streaming);
    return !complete && told === undefined;
  } catch {
    return true;
  }
}

function recordResults(scope: Scope, request: ModelRequest | undefined): void {
  const endTime = scope.run.now();
  for (const { callId, result } of request?.toolResults ?? []) {
    const call = scope.run.toolCalls.take(callId);
    if (call !== undefined) recordInferredTool(scope, call, { endTime, result });
  }
}
