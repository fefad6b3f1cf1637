import type { Attributes } from "@opentelemetry/api";
import { GEN_AI, OTEL, RUNLEDGER } from "@runledger/contract";
import { defined, type StepError } from "../run/run.ts";
import type { ModelRequest, ModelResponse } from "../wire/wire-format.ts";
import { type Attempt, readModelCall } from "./model-call-reading.ts";
import { headerOf, type RawModelCall } from "./raw-model-call.ts";

export interface ModelCallFacts {
  /** The step's name. */
  name: string;
  attributes: Attributes;
  error: StepError | undefined;
}

/** What the record of a model call tells, as far as the call can be read. */
export function modelCallFacts(call: RawModelCall, attempt: Attempt): ModelCallFacts {
  const { stream, text, response, problem, ...reading } = readModelCall(call, attempt);
  const request = reading.request();
  const operation = request?.operation ?? "chat";
  const url = new URL(call.url);
  const requestId = headerOf(call, "x-request-id", "request-id", "x-amzn-requestid");
  const attributes = defined({
    [GEN_AI.operationName]: operation,
    [GEN_AI.providerName]: call.provider,
    [OTEL.serverAddress]: url.hostname,
    [OTEL.serverPort]: Number(url.port || (url.protocol === "https:" ? 443 : 80)),
    "http.response.status_code": call.status,
    "http.request.resend_count": call.attempt > 1 ? call.attempt - 1 : undefined,
    "http.response.header.x-request-id": requestId === undefined ? undefined : [requestId],
    [GEN_AI.responseTimeToFirstChunk]: stream ? call.firstByteSeconds : undefined,
    [RUNLEDGER.rawResponse]: text === "" || response?.bulky ? undefined : text,
    ...(request === undefined ? {} : requestAttributes(request)),
    ...(response === undefined ? {} : responseAttributes(response)),
  });
  return {
    name: request?.model === undefined ? operation : `${operation} ${request.model}`,
    attributes,
    error: problem,
  };
}

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
