import type { StepError } from "../run/run.ts";
import type { ModelRequest, ModelResponse, WireFormat } from "../wire/wire-format.ts";
import { formatOf } from "../wire/wire-formats.ts";
import { answerText } from "./answer-text.ts";
import { headerOf, type RawModelCall } from "./raw-model-call.ts";

/** What a model call was, as far as it can be read. */
export interface ModelCallReading {
  /** Read when it is asked for. */
  request: () => ModelRequest | undefined;
  stream: boolean;
  /** The answer's. */
  text: string;
  response: ModelResponse | undefined;
  problem: StepError | undefined;
}

/** Runs work that may fail; undefined when it does. */
export type Attempt = <T>(work: () => T) => T | undefined;

/** @param request for who may have read it before. Never throws, if `attempt` does not. */
export function readModelCall(
  call: RawModelCall,
  attempt: Attempt,
  request = once(() => attempt(() => requestOf(call))),
): ModelCallReading {
  const { status } = call;
  const format = formatOf(new URL(call.url));
  const stream = status === undefined ? (request()?.stream ?? false) : isStream(call);
  const text = attempt(() => answerText(call)) ?? "";
  // A stream can be read as far as it got, half a JSON text can't.
  const readable = format !== undefined && (stream || call.error === undefined);
  const response = readable ? attempt(() => readResponse(format, text, stream)) : undefined;
  const brokeOff = response?.complete ? undefined : call.error;
  return {
    request,
    stream,
    text,
    response,
    problem: statusProblem(status, response, text) ?? brokeOff ?? response?.error,
  };
}

/** Work that is done when its result is asked for first. */
export function once<T>(work: () => T): () => T {
  let done: { result: T } | undefined;
  return () => {
    done ??= { result: work() };
    return done.result;
  };
}

function requestOf({ request, url }: RawModelCall): ModelRequest | undefined {
  const address = new URL(url);
  return request ? formatOf(address)?.readRequest(request, address) : undefined;
}

/** Server-sent events, JSON by the line, and AWS's events. */
const STREAM_TYPES = /text\/event-stream|application\/x-ndjson|application\/vnd\.amazon\.eventstream/;

function isStream(call: RawModelCall): boolean {
  return STREAM_TYPES.test(headerOf(call, "content-type") ?? "");
}

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
