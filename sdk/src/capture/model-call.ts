import { type Attempt, type ModelCallReading, readModelCall } from "../conversion/model-call-reading.ts";
import type { RawModelCall } from "../conversion/raw-model-call.ts";
import type { Failures } from "../failures.ts";
import { usageOfCall } from "../limits/call-usage.ts";
import type { Admission } from "../limits/limit-guard.ts";
import type { StepError } from "../run/run.ts";
import type { Scope } from "../run/scope.ts";
import type { ModelRequest, WireFormat } from "../wire/wire-format.ts";
import { mayAskForTools, mayTellOfError } from "./answer-look.ts";
import { createAnswerBody } from "./response-body.ts";

/** A model call while it happens; becomes one step when its answer has been read, or can't be. */
export interface ModelCall {
  /** The answer's head is here. @param headers those of use, by name in lower case. */
  responded(status: number, headers: RawModelCall["headers"]): void;
  /** Bytes of the answer's body as they came over the wire. */
  received(bytes: Uint8Array): void;
  finish(error?: StepError): void;
  /** An answer that succeeded and is not read to its end: the run is not over while its reader is at it. */
  readonly isStreaming: boolean;
  /** When the last bytes of the answer came, epoch ms. */
  readonly lastByteTime: number;
}

export interface ModelCallStart extends Pick<RawModelCall, "provider" | "attempt"> {
  scope: Scope;
  format: WireFormat;
  url: URL;
  /** Its text; undefined: we could not look into it. */
  body: string | undefined;
  /** Reads it, once. */
  request: () => ModelRequest | undefined;
  /** Of the limits; settled when it is known what the call used. */
  admission: Admission;
  failures: Failures;
  /** Called once with how it ended. */
  onFinish: (failed: boolean) => void;
}

export function startModelCall(start: ModelCallStart): ModelCall {
  const { scope, url, provider, body, attempt, failures, onFinish } = start;
  const { run } = scope;
  const startTime = run.now();
  // Named when it is read.
  const step = run.startStep("chat", { kind: "llm", parent: scope.span, startTime, client: true });
  let status: number | undefined;
  let firstByteTime: number | undefined;
  let lastByteTime = startTime;
  let headers: RawModelCall["headers"] = [];
  const answer = createAnswerBody();
  let finished = false;

  function finish(error?: StepError): void {
    if (finished) return;
    finished = true;
    scope.openCalls.delete(call);
    const endTime = run.now();
    const firstByteSeconds = firstByteTime === undefined ? undefined : (firstByteTime - startTime) / 1000;
    const how = { status, headers, ...answer.taken(), firstByteSeconds, error };
    const modelCall: RawModelCall = { url: url.href, provider, attempt, request: body, ...how };
    failures.attempt("record", () => step.end({ modelCall, endTime }));
    const reading = failures.attempt("capture", () => readAtOnce(start, modelCall));
    start.admission.settle(reading && failures.attempt("callback", () => usageOfReading(start, reading)));
    for (const asked of reading?.response?.toolCalls ?? []) {
      const offered = () => start.request()?.toolDefinitions ?? [];
      run.toolCalls.ask({ ...asked, requestedBy: step.span, parent: scope.span, askedTime: endTime, offered });
    }
    onFinish(reading === undefined ? hasFailed(modelCall) : reading.problem !== undefined);
  }

  const call: ModelCall = {
    responded(statusCode, received) {
      status = statusCode;
      headers = received;
      lastByteTime = run.now();
    },
    received(bytes) {
      if (finished) return;
      lastByteTime = run.now();
      firstByteTime ??= lastByteTime;
      answer.add(bytes);
    },
    finish,
    get isStreaming() {
      return !finished && status !== undefined && status < 400;
    },
    get lastByteTime() {
      return lastByteTime;
    },
  };
  scope.openCalls.add(call);
  return call;
}

/** What the agent's next call may depend on: what this one used, the tools it asks for, whether the next is a retry. Undefined: on nothing. */
function readAtOnce({ scope, format, request }: ModelCallStart, call: RawModelCall): ModelCallReading | undefined {
  const isAsked =
    scope.run.countsUsage() ||
    scope.guard.countsUsage ||
    mayAskForTools(format, call) ||
    (call.error && call.answer !== "");
  if (!isAsked && (hasFailed(call) || !mayTellOfError(call))) return undefined;
  return readModelCall(call, quietly, request);
}

function hasFailed({ status, error }: RawModelCall): boolean {
  return error !== undefined || (status !== undefined && status >= 400);
}

/** What can't be read is counted where the record is made. */
export const quietly: Attempt = (work) => {
  try {
    return work();
  } catch {
    return undefined;
  }
};

function usageOfReading({ scope, provider }: ModelCallStart, { request, response }: ModelCallReading) {
  return usageOfCall({ provider, request, response, price: scope.price });
}
