import type { Failures } from "../failures.ts";
import { expectedUsage } from "../limits/call-usage.ts";
import { createAttempts } from "../run/attempts.ts";
import type { Scope } from "../run/scope.ts";
import { providerOf } from "../wire/provider.ts";
import type { ModelRequest, WireFormat } from "../wire/wire-format.ts";
import { WIRE_FORMATS } from "../wire/wire-formats.ts";
import { recordInferredTool } from "./inferred-tool.ts";
import { type ModelCall, startModelCall } from "./model-call.ts";

export interface ModelAddress {
  url: URL;
  format: WireFormat;
}

/** The one place that turns an HTTP exchange into a model call, whichever way it was seen. */
export interface Exchanges {
  /** Undefined: no model call. */
  recognise(request: { method: string; origin?: string | URL | null; path: string }): ModelAddress | undefined;
  /** Undefined: a body we can't look into. */
  read(address: ModelAddress, body: string | undefined): ModelRequest | undefined;
  /**
   * Before the request goes out. @param body its text; undefined when we could not look into it.
   * @throws AgentStopped when a limit is reached: it must not go out. Undefined: our own failure, and the call goes on.
   */
  begin(scope: Scope, address: ModelAddress, body: string | undefined): ModelCall | undefined;
}

export function createExchanges(failures: Failures): Exchanges {
  const attempts = createAttempts();
  return {
    recognise({ method, origin, path }) {
      const url = method.toUpperCase() === "POST" && origin ? URL.parse(path, String(origin)) : null;
      const format = url && WIRE_FORMATS.find((other) => other.matches(url));
      return format ? { url, format } : undefined;
    },
    read: ({ format, url }, body) =>
      body ? failures.attempt("capture", () => format.readRequest(body, url)) : undefined,
    begin(scope, address, body) {
      const request = body
        ? failures.attempt("capture", () => address.format.readRequest(body, address.url))
        : undefined;
      // Somebody else's service, which no limit of ours concerns.
      if (body && request === undefined && address.format.pathIsCommon) return undefined;
      if (request !== undefined) failures.attempt("capture", () => recordResults(scope, request));
      const provider = providerOf(address.url.hostname, address.format.provider);
      const expected = failures.attempt("callback", () =>
        expectedUsage(provider, body, request?.model ?? "", scope.price),
      );
      const admission = scope.guard.admit(expected ?? { tokens: 0, costUsd: undefined });
      const owner = scope.run;
      const attempt = body ? attempts.next(owner, body) : 1;
      const onFinish = (failed: boolean) => body && attempts.ended(owner, body, attempt, failed);
      const start = { ...address, provider, scope, request, attempt, admission, failures, onFinish };
      const call = failures.attempt("record", () => startModelCall(start));
      if (call === undefined) admission.settle();
      return call;
    },
  };
}

function recordResults(scope: Scope, request: ModelRequest): void {
  const endTime = scope.run.now();
  for (const { callId, result } of request.toolResults) {
    const call = scope.run.toolCalls.take(callId);
    if (call !== undefined) recordInferredTool(scope, call, { endTime, result });
  }
}
