import type { Attributes } from "@opentelemetry/api";
import { GEN_AI, OTEL, RUNLEDGER } from "@runledger/contract";
import type { Failures } from "../failures.ts";
import { usageOfCall } from "../limits/call-usage.ts";
import type { Admission } from "../limits/limit-guard.ts";
import { defined, type StepError } from "../run/run.ts";
import type { Scope } from "../run/scope.ts";
import type { ModelRequest, ModelResponse, WireFormat } from "../wire/wire-format.ts";
import { createAnswerBody } from "./response-body.ts";

/** A model call while it happens; becomes one step when its answer has been read, or can't be. */
export interface ModelCall {
  /** The answer's head is here. @param headers those of use, by name in lower case. */
  responded(status: number, headers: ReadonlyMap<string, string>): void;
  /** Bytes of the answer's body as they came over the wire. */
  received(bytes: Uint8Array): void;
  finish(error?: StepError): void;
  /** An answer that succeeded and is not read to its end: the run is not over while its reader is at it. */
  readonly isStreaming: boolean;
  /** When the last bytes of the answer came, epoch ms. */
  readonly lastByteTime: number;
}

export interface ModelCallStart {
  scope: Scope;
  format: WireFormat;
  url: URL;
  /** `gen_ai.provider.name`. */
  provider: string;
  /** Undefined: a body we could not look into. */
  request: ModelRequest | undefined;
  /** 1 for the first try. */
  attempt: number;
  /** Of the limits; settled when it is known what the call used. */
  admission: Admission;
  failures: Failures;
  /** Called once with how it ended. */
  onFinish: (failed: boolean) => void;
}

export function startModelCall({
  scope,
  format,
  url,
  provider,
  request,
  attempt,
  admission,
  failures,
  onFinish,
}: ModelCallStart): ModelCall {
  const { run, price } = scope;
  const startTime = run.now();
  const operation = request?.operation ?? "chat";
  const step = run.startStep(request?.model === undefined ? operation : `${operation} ${request.model}`, {
    kind: "llm",
    parent: scope.span,
    startTime,
    client: true,
  });
  let status: number | undefined;
  let stream = request?.stream ?? false;
  let firstByteTime: number | undefined;
  let lastByteTime = startTime;
  let headers: ReadonlyMap<string, string> = new Map();
  const body = createAnswerBody();
  let finished = false;

  function finish(error?: StepError): void {
    if (finished) return;
    finished = true;
    scope.openCalls.delete(call);
    const endTime = run.now();
    const requestId = REQUEST_IDS.map((name) => headers.get(name)).find((id) => id !== undefined);
    const text = failures.attempt("capture", () => readBody()) ?? "";
    // A stream can be read as far as it got, half a JSON text can't.
    const readable = stream || error === undefined;
    const response = readable ? failures.attempt("capture", () => readResponse(format, text, stream)) : undefined;
    const brokeOff = response?.complete ? undefined : error;
    const problem = statusProblem(status, response, text) ?? brokeOff ?? response?.error;
    failures.attempt("record", () => {
      const attributes = defined({
        [GEN_AI.operationName]: operation,
        [GEN_AI.providerName]: provider,
        [OTEL.serverAddress]: url.hostname,
        [OTEL.serverPort]: Number(url.port || (url.protocol === "https:" ? 443 : 80)),
        "http.response.status_code": status,
        "http.request.resend_count": attempt > 1 ? attempt - 1 : undefined,
        "http.response.header.x-request-id": requestId === undefined ? undefined : [requestId],
        [GEN_AI.responseTimeToFirstChunk]:
          stream && firstByteTime !== undefined ? (firstByteTime - startTime) / 1000 : undefined,
        [RUNLEDGER.rawResponse]: text === "" || response?.bulky ? undefined : text,
        ...(request === undefined ? {} : requestAttributes(request)),
        ...(response === undefined ? {} : responseAttributes(response)),
      });
      step.end({ attributes, error: problem, endTime });
    });
    admission.settle(failures.attempt("callback", () => usageOfCall({ provider, request, response, price })));
    failures.attempt("capture", () => account(response, endTime));
    onFinish(problem !== undefined);
  }

  function readBody(): string {
    return body.text(headers.get("content-encoding") ?? "", headers.get("content-type"));
  }

  function account(response: ModelResponse | undefined, endTime: number): void {
    for (const asked of response?.toolCalls ?? []) {
      const offered = request?.toolDefinitions ?? [];
      run.toolCalls.ask({ ...asked, requestedBy: step.span, parent: scope.span, askedTime: endTime, offered });
    }
  }

  const call: ModelCall = {
    responded(statusCode, received) {
      status = statusCode;
      headers = received;
      stream = STREAM_TYPES.test(headers.get("content-type") ?? "");
      lastByteTime = run.now();
    },
    received(bytes) {
      if (finished) return;
      lastByteTime = run.now();
      firstByteTime ??= lastByteTime;
      body.add(bytes);
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

const REQUEST_IDS = ["x-request-id", "request-id", "x-amzn-requestid"];
/** Server-sent events, JSON by the line, and AWS's events. */
const STREAM_TYPES = /text\/event-stream|application\/x-ndjson|application\/vnd\.amazon\.eventstream/;

/** An error page of a proxy is no completion, and not our failure either: its text is recorded as it came. */
function readResponse(format: WireFormat, text: string, stream: boolean): ModelResponse | undefined {
  if (text === "") return undefined;
  if (!stream && !text.trimStart().startsWith("{")) return undefined;
  return format.readResponse(text, stream);
}

/** A refusal is told by its status, whatever became of its body: clients that try again don't read it. */
function statusProblem(
  status: number | undefined,
  response: ModelResponse | undefined,
  text: string,
): StepError | undefined {
  if (status === undefined || status < 400) return undefined;
  return { type: String(status), message: response?.error?.message ?? text.slice(0, ERROR_TEXT_CHARS) };
}
/** Of an error body that is no JSON; the body itself is recorded whole. */
const ERROR_TEXT_CHARS = 200;

function requestAttributes(request: ModelRequest): Attributes {
  return {
    ...request.parameters,
    [GEN_AI.requestModel]: request.model,
    [GEN_AI.requestStream]: request.stream,
    [GEN_AI.systemInstructions]: jsonUnlessEmpty(request.systemInstructions),
    [GEN_AI.inputMessages]: JSON.stringify(request.messages),
    [GEN_AI.toolDefinitions]: jsonUnlessEmpty(request.toolDefinitions),
  };
}

function responseAttributes({ id, model, finishReasons, messages, usage }: ModelResponse): Attributes {
  return {
    [GEN_AI.responseId]: id,
    [GEN_AI.responseModel]: model,
    [GEN_AI.responseFinishReasons]: finishReasons.length === 0 ? undefined : finishReasons,
    [GEN_AI.outputMessages]: jsonUnlessEmpty(messages),
    [GEN_AI.inputTokens]: usage?.inputTokens,
    [GEN_AI.outputTokens]: usage?.outputTokens,
    [GEN_AI.cacheReadTokens]: usage?.cacheReadTokens,
    [GEN_AI.cacheWriteTokens]: usage?.cacheWriteTokens,
    [GEN_AI.reasoningTokens]: usage?.reasoningTokens,
  };
}

function jsonUnlessEmpty(items: readonly unknown[]): string | undefined {
  return items.length === 0 ? undefined : JSON.stringify(items);
}
