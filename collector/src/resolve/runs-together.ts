import { mayBeOne, runsOf, together } from "./call-group.ts";
import type { AlikeCalls } from "./calls-alike.ts";
import type { InferredTool, ToolsOfRun } from "./inferred-tools.ts";
import { pairsAlike } from "./pairs-alike.ts";
import { type CallRules, MODEL_CALL, TOOL_CALL } from "./same-call.ts";
import { compare, inOrder, overlap, type StepFact } from "./step-fact.ts";
import type { Call } from "./twins.ts";

/** Calls that are looked at under one key. */
const MAX_OF_KEY = 64;

/**
 * Calls of several runs, with those joined that are one: what two instrumentations tell of one answer, each in a trace of its own. The
 * provider's response id names an answer, as far as nobody gives the same one again: so the two must be under way at one moment, told of by
 * different instrumentations, and fit in model and outcome. Where one of them does not know the id, those are joined that are `alike`, one of each to
 * one of the others. The same for the same set of calls.
 */
export function joinModelCalls(calls: readonly Call[], alike: AlikeCalls): Map<Call, Call> {
  const named = joined(calls, MODEL_CALL, ({ response_id }) => (response_id === "" ? [] : [response_id]));
  if (alike.size === 0) return named;
  const groups = pairsAlike([...new Set(named.values())], alike);
  const whole = new Map(
    groups.flatMap((group) => {
      const one = together(group, MODEL_CALL);
      return group.map((call) => [call, one] as const);
    }),
  );
  return new Map([...named].map(([call, one]) => [call, whole.get(one) ?? one]));
}

/** Tool calls of different runs are one when the model calls are that asked for them: call ids alone are no names, some models count from 0. */
export function joinToolCalls(tools: readonly Call[], modelCalls: ReadonlyMap<Call, Call>): Map<Call, Call> {
  const askedBy = new Map<string, string[]>();
  for (const call of acrossRuns(modelCalls)) {
    const asked = new Set(call.members.flatMap(({ tool_request_ids }) => tool_request_ids));
    for (const runId of runsOf(call)) {
      for (const id of asked) {
        if (id === "") continue;
        const key = `${runId}\n${id}`;
        askedBy.set(key, [...(askedBy.get(key) ?? []), `${call.counts.record_id}\n${id}`]);
      }
    }
  }
  return joined(tools, TOOL_CALL, ({ run_id, tool_call_id }) => askedBy.get(`${run_id}\n${tool_call_id}`) ?? []);
}

/**
 * Of requests that several runs tell of, those that no run has a span of, once: in the run that knows most of their ids, among equals where the model call
 * counts. Not everybody tells ids, and one throws parallel calls together.
 */
export function inferredOnce(runs: readonly ToolsOfRun[], modelCalls: ReadonlyMap<Call, Call>): InferredTool[] {
  const wholeOf = ({ call }: Request) => {
    const whole = modelCalls.get(call);
    return whole === call ? undefined : whole;
  };
  const told = [...runs.flatMap(({ covered }) => covered), ...runs.flatMap(({ inferred }) => inferred).map(requestOf)];
  const tellers = new Map(
    [...Map.groupBy(told, wholeOf)].flatMap(([whole, requests]) =>
      whole === undefined ? [] : [[whole, tellerOf(whole, requests)] as const],
    ),
  );
  const keysOf = (request: Request) => {
    const { callId, index, name } = request;
    const whole = wholeOf(request)?.counts.record_id;
    return [`${whole}\n${index} ${name}`, ...(callId === "" ? [] : [`${whole}\n${callId}`])];
  };
  const covered = new Set(
    runs.flatMap((run) => run.covered.filter((one) => wholeOf(one) !== undefined)).flatMap(keysOf),
  );
  return runs.flatMap(({ inferred }) =>
    inferred.filter(({ request }) => {
      const whole = wholeOf(request);
      if (whole === undefined) return true;
      return tellers.get(whole) === request.source.run_id && !keysOf(request).some((key) => covered.has(key));
    }),
  );
}

type Request = InferredTool["request"];

function requestOf({ request }: InferredTool): Request {
  return request;
}

function tellerOf({ counts }: Call, requests: readonly Request[]): string | undefined {
  const idsOf = (ofRun: readonly Request[]) => ofRun.filter(({ callId }) => callId !== "").length;
  const countsIn = (runId: string) => (runId === counts.run_id ? 0 : 1);
  const byRun = [...Map.groupBy(requests, ({ source }) => source.run_id)];
  byRun.sort(([a, ofA], [b, ofB]) => idsOf(ofB) - idsOf(ofA) || countsIn(a) - countsIn(b) || compare(a, b));
  return byRun[0]?.[0];
}

function joined(calls: readonly Call[], rules: CallRules, keysOf: (fact: StepFact) => string[]): Map<Call, Call> {
  const groupsOf = new Map<string, Call[][]>();
  const groupOf = new Map<Call, Call[]>();
  for (const call of calls.toSorted((a, b) => inOrder(a.counts, b.counts))) {
    const keys = [...new Set(call.members.flatMap(keysOf))];
    const group = keys
      .flatMap((key) => groupsOf.get(key) ?? [])
      .find((one) => one.every((other) => mayBeOne(other, call)) && one.some((other) => isOne(other, call)));
    const own = group ?? [];
    own.push(call);
    groupOf.set(call, own);
    for (const key of keys) {
      const known = groupsOf.get(key) ?? [];
      if (!known.includes(own)) groupsOf.set(key, [...known.slice(-MAX_OF_KEY + 1), own]);
    }
  }
  const whole = new Map([...new Set(groupOf.values())].map((group) => [group, together(group, rules)]));
  return new Map([...groupOf].map(([call, group]) => [call, whole.get(group) ?? call]));

  function isOne(a: Call, b: Call): boolean {
    return a.members.some((one) =>
      b.members.some((other) => {
        const named = keysOf(one).some((key) => keysOf(other).includes(key));
        return named && overlap(one, other) && rules.siblings(one, other);
      }),
    );
  }
}

function acrossRuns(calls: ReadonlyMap<Call, Call>): Call[] {
  return [...new Set(calls.values())].filter((call) => runsOf(call).size > 1);
}
