import { createHash } from "node:crypto";
import { type GivenResult, resultsOf } from "./given-results.ts";
import { compare, inOrder, OWN_DIALECT, type StepFact } from "./step-fact.ts";
import type { Call } from "./twins.ts";

/** A tool call that the model asked for and that left no span. */
export interface InferredTool {
  /** Derived: the same for the same request, 64 hex digits. */
  recordId: string;
  name: string;
  callId: string;
  /** "" when unknown. */
  argumentsSha256: string;
  /** The record that asked for it, and shows name and arguments. */
  requestedBy: StepFact;
  /** What the model was given for it, and in which record; null when it never was. */
  result: GivenResult | null;
  startTime: string;
  /** At the latest: when the model was asked again with the result. */
  endTime: string;
  /** When it came to be known. */
  receivedTime: string;
  request: ToolRequest;
}

/** What the requests of a run came to, as far as it is known. */
export interface ToolsOfRun {
  inferred: InferredTool[];
  /** Those that a tool step covers. */
  covered: ToolRequest[];
}

/** What a run's records say of tools. */
export interface ToolTalk {
  calls: readonly Call[];
  tools: readonly Call[];
  /** Every record that model calls or their log events made: any may bring requests and results. */
  talking: readonly StepFact[];
  /** When the run was over, by the collector's clock; null while it may go on. */
  overTime: string | null;
}

/** A tool call that a model call asked for. */
export interface ToolRequest {
  call: Call;
  source: StepFact;
  /** Its span and those of its twins. */
  spans: ReadonlySet<string>;
  index: number;
  callId: string;
  name: string;
  argumentsSha256: string;
  /** A span with this call id is this request's though it began before, by a clock that is behind: no other asked with the id before. */
  first: boolean;
  /** Of the requests of this call that name this tool and have no id, so many were before it. */
  nth: number;
  /** Until here a span or result with this call id, or without one, is this request's: then the model asks with the same id again, or beside this call for the same tool. */
  until: string;
}

/** What is beyond is in the messages of the run's model calls. */
export const MAX_INFERRED_TOOLS = 10_000;
const FOREVER = "9";
/** Of `{}`, which says nothing of whose arguments they are. */
const NO_ARGUMENTS = createHash("sha256").update("{}").digest("hex");

/** The requested calls that no tool step covers: by id, or else by name and arguments, by name in order, or by arguments. */
export function inferToolsOf({ calls, tools, talking, overTime }: ToolTalk): ToolsOfRun {
  const requests = requestsOf(calls, logsBySpan(talking));
  const covered = coveredRequests(requests, tools, calls);
  const results = resultsOf(requests, talking);
  const members = calls.flatMap((call) => call.members).sort(inOrder);
  const inferred: InferredTool[] = [];
  for (const request of requests) {
    // Our SDK makes a span of every call that it finds in the messages.
    if (covered.has(request) || request.source.dialect === OWN_DIALECT) continue;
    const result = results.get(request) ?? null;
    // Without a result it may be under way, unless the run went on without it.
    const next = result?.record ?? nextAfter(members, request.source);
    if (next === undefined && overTime === null) continue;
    inferred.push(inferredTool(request, result, next?.received_time ?? overTime ?? request.source.received_time));
    if (inferred.length === MAX_INFERRED_TOOLS) break;
  }
  return { inferred, covered: [...covered] };
}

function inferredTool(request: ToolRequest, result: InferredTool["result"], receivedTime: string): InferredTool {
  const { source, index, name, callId, argumentsSha256 } = request;
  const endTime = result === null ? source.end_time : result.record.start_time;
  return {
    recordId: createHash("sha256").update(`inferred\n${source.run_id}\n${source.record_id}\n${index}`).digest("hex"),
    name,
    callId,
    argumentsSha256,
    requestedBy: source,
    result,
    startTime: source.end_time,
    endTime: endTime > source.end_time ? endTime : source.end_time,
    receivedTime: receivedTime > source.received_time ? receivedTime : source.received_time,
    request,
  };
}

/** Once a call, however many records tell of it: of the one that counts, or else of the first that has any. */
function requestsOf(calls: readonly Call[], logs: ReadonlyMap<string, StepFact[]>): ToolRequest[] {
  const requests: ToolRequest[] = [];
  for (const call of calls) {
    const { counts, members } = call;
    const records = [counts, ...members];
    const tellers = [...records, ...records.flatMap(({ step_id }) => logs.get(step_id) ?? [])];
    const source = tellers.find(({ tool_request_names }) => tool_request_names.length > 0);
    if (source === undefined) continue;
    // A log stands for its span, whose times are the call's.
    const span = records.find(({ step_id }) => step_id === source.step_id) ?? counts;
    const nameless = new Map<string, number>();
    for (const [index, name] of source.tool_request_names.entries()) {
      const callId = source.tool_request_ids[index] ?? "";
      const nth = nameless.get(name) ?? 0;
      if (callId === "") nameless.set(name, nth + 1);
      requests.push({
        call,
        spans: new Set(records.map(({ step_id }) => step_id)),
        source: source === span ? span : { ...span, record_id: source.record_id },
        index,
        callId,
        name,
        nth,
        argumentsSha256: source.tool_request_arguments[index] ?? "",
        first: true,
        until: FOREVER,
      });
    }
  }
  requests.sort((a, b) => compare(a.source.end_time, b.source.end_time) || inOrder(a.source, b.source));
  const askedAgain = new Map<string, ToolRequest>();
  for (const request of requests.toReversed()) {
    const { callId, name, nth, source } = request;
    const key = callId === "" ? `${source.parent_id}\n${nth} ${name}` : callId;
    const next = askedAgain.get(key);
    if (next !== undefined) [request.until, next.first] = [next.source.end_time, false];
    askedAgain.set(key, request);
  }
  return requests;
}

function coveredRequests(
  requests: readonly ToolRequest[],
  tools: readonly Call[],
  calls: readonly Call[],
): Set<ToolRequest> {
  const covered = new Set<ToolRequest>();
  const asked = new Set(requests.map(({ callId }) => callId));
  const free = new Set(tools);
  const match = (
    keyOfRequest: (request: ToolRequest) => string,
    keysOfTool: (tool: Call) => string[],
    inTime: (request: ToolRequest, tool: Call) => boolean,
  ) => {
    const byKey = new Map<string, Call[]>();
    for (const tool of free) {
      for (const key of keysOfTool(tool)) {
        const same = byKey.get(key);
        if (same === undefined) byKey.set(key, [tool]);
        else same.push(tool);
      }
    }
    for (const request of requests) {
      if (covered.has(request)) continue;
      const same = byKey.get(keyOfRequest(request)) ?? [];
      const at = same.findIndex((one) => free.has(one) && inTime(request, one));
      // What is taken goes: thousands of calls may have one key, and each would be passed over by every later request.
      const [tool] = at < 0 ? [] : same.splice(at, 1);
      if (tool === undefined) continue;
      free.delete(tool);
      covered.add(request);
    }
  };
  const begun = (request: ToolRequest, { members }: Call) =>
    members.some(({ start_time }) => start_time >= request.source.start_time);
  const known = (keys: string[]) => [...new Set(keys)].filter((key) => key !== "");
  match(
    ({ callId }) => callId,
    ({ members }) => known(members.map(({ tool_call_id }) => tool_call_id)),
    (request, tool) => (request.first || begun(request, tool)) && tool.counts.start_time < request.until,
  );
  // A tool step with the id of another request is that one's, or another attempt of it.
  for (const tool of free)
    if (tool.members.some(({ tool_call_id }) => tool_call_id !== "" && asked.has(tool_call_id))) free.delete(tool);
  match(
    ({ name, argumentsSha256 }) => (argumentsSha256 === "" ? "" : `${name}\n${argumentsSha256}`),
    ({ members }) =>
      known(members.map((one) => (one.arguments_sha256 === "" ? "" : `${one.tool_name}\n${one.arguments_sha256}`))),
    begun,
  );
  const lines = Map.groupBy(calls.map(({ counts }) => counts).sort(inOrder), ({ parent_id }) => parent_id);
  match(
    ({ name }) => name,
    ({ members }) => known(members.map(({ tool_name }) => tool_name)),
    (request, tool) => {
      const next = nextAfter(lines.get(request.source.parent_id) ?? [], request.source);
      return begun(request, tool) && (next === undefined || tool.counts.start_time < next.start_time);
    },
  );
  // Some name a tool by its class: what no model asked for by its name may be what one asked for with the same arguments.
  const names = new Set(requests.map(({ name }) => name));
  match(
    ({ argumentsSha256 }) => (argumentsSha256 === NO_ARGUMENTS ? "" : argumentsSha256),
    ({ members }) =>
      known(members.filter((one) => !names.has(one.tool_name)).map(({ arguments_sha256 }) => arguments_sha256)),
    begun,
  );
  return covered;
}

/** The first of these, which are in order, that began when `source` had ended. */
function nextAfter(ordered: readonly StepFact[], source: StepFact): StepFact | undefined {
  let low = 0;
  for (let high = ordered.length; low < high; ) {
    const middle = (low + high) >>> 1;
    if ((ordered[middle]?.start_time ?? FOREVER) < source.end_time) low = middle + 1;
    else high = middle;
  }
  while (ordered[low]?.step_id === source.step_id) low += 1; // a call of no length begins when it ends
  return ordered[low];
}

function logsBySpan(talking: readonly StepFact[]): Map<string, StepFact[]> {
  return Map.groupBy(talking.filter(({ event }) => event === "log").sort(inOrder), ({ step_id }) => step_id);
}
