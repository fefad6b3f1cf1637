import { isOutcomeUnknown } from "@runledger/contract";
import { shareMoment } from "./at-once.ts";
import { mayHaveSameWords } from "./call-words.ts";
import { notBefore, type Span, type StepFact, sourceOf } from "./step-fact.ts";

/** What tells that two records are one call, and which of them says it best. One for model calls, one for tool calls. */
export interface CallRules {
  /** Could `inner`, a descendant of `outer` and within its time, be the call that `outer` tells of? Their words for it fit. */
  compatible(outer: StepFact, inner: StepFact): boolean;
  /** Of several calls below `outer` (in order of time), the one that it tells of; `sum` when it tells of all together, null when of none. */
  toldOf(outer: StepFact, inner: readonly StepFact[]): StepFact | "sum" | null;
  /** Records with the same of any of these keys, by different instrumentations and at the same time, are one call though neither is in the other. */
  siblingKeys(fact: StepFact): string[];
  siblings(a: StepFact, b: StepFact): boolean;
  /** By an id that nobody gives twice they are one, whatever agents they are said to be of. */
  haveSameId(a: StepFact, b: StepFact): boolean;
  /** The higher the better it is known; the innermost counts among equals. */
  knowledge(fact: StepFact): number;
}

export const MODEL_CALL: CallRules = {
  compatible: (a, b) => sameModel(a, b),
  toldOf(outer, inner) {
    const named = inner.find(({ response_id }) => response_id !== "" && response_id === outer.response_id);
    if (named !== undefined) return named;
    const last = inner.at(-1);
    if (last === undefined) return null;
    if (!usageKnown(outer)) return last;
    const equal = inner.findLast((one) => sameUsage(outer, one));
    if (equal !== undefined) return equal;
    if (inner.length > 1 && sumsUp(outer, inner)) return "sum";
    return usageKnown(last) ? null : last;
  },
  siblingKeys({ response_id, prompt_sha256, input_tokens, output_tokens, tool_request_ids, tool_result_ids }) {
    return [
      ...(prompt_sha256 === "" ? [] : [`prompt ${prompt_sha256}`]),
      ...(response_id === "" ? [] : [`id ${response_id}`]),
      ...ofIds("asks", tool_request_ids),
      ...ofIds("given", tool_result_ids),
      // embeddings write none
      ...(input_tokens ? [`tokens ${input_tokens} ${output_tokens || ""}`] : []),
    ];
  },
  siblings: (a, b) =>
    sameModel(a, b) &&
    (a.response_id !== "" && b.response_id !== ""
      ? a.response_id === b.response_id
      : sameTime(a, b) &&
        shareMoment(a, b) &&
        (a.status === "error") === (b.status === "error") &&
        (!usageKnown(a) || !usageKnown(b) || sameUsage(a, b) || sameUsage(b, a)) &&
        // So many tokens have many calls that are made at once.
        ((a.prompt_sha256 !== "" && a.prompt_sha256 === b.prompt_sha256) || mayHaveSameWords(a, b))),
  haveSameId: (a, b) =>
    (a.response_id !== "" && a.response_id === b.response_id) || haveUniqueIds(a.tool_request_ids, b.tool_request_ids),
  knowledge: (fact) => (usageKnown(fact) ? 2 : 0) + (fact.cost_usd === null ? 0 : 1),
};

export const TOOL_CALL: CallRules = {
  compatible(a, b) {
    if (a.tool_call_id !== "" && b.tool_call_id !== "") return a.tool_call_id === b.tool_call_id;
    const sameArguments = a.arguments_sha256 === b.arguments_sha256 || !a.arguments_sha256 || !b.arguments_sha256;
    return a.tool_name === b.tool_name && sameArguments && sourceOf(a) !== sourceOf(b);
  },
  toldOf: (_outer, inner) => inner.at(-1) ?? null,
  siblingKeys: ({ tool_call_id }) => (tool_call_id === "" ? [] : [tool_call_id]),
  siblings: (a, b) => a.tool_call_id === b.tool_call_id,
  haveSameId: (a, b) => haveUniqueIds([a.tool_call_id], [b.tool_call_id]),
  // Who saw it run knows how it went.
  knowledge: (fact) =>
    (lacksOutcome(fact) ? 0 : 4) + (fact.arguments_sha256 === "" ? 0 : 2) + (fact.result_sha256 === "" ? 0 : 1),
};

/** Of a tool call. */
export function lacksOutcome({ tool_inferred, result_sha256, status }: StepFact): boolean {
  return isOutcomeUnknown({ inferred: tool_inferred, result_sha256, status });
}

/** Ids that are counted from 0, or made up in a test, are shorter. */
export const MIN_UNIQUE_ID_CHARS = 12;

/** The provider's ids of all tool calls that were asked for, or of all whose results were given. */
function ofIds(what: string, ids: readonly string[]): string[] {
  return areUnique(ids) ? [`${what} ${ids.toSorted().join(" ")}`] : [];
}

function haveUniqueIds(some: readonly string[], others: readonly string[]): boolean {
  return areUnique(some) && some.toSorted().join(" ") === others.toSorted().join(" ");
}

function areUnique(ids: readonly string[]): boolean {
  return ids.length > 0 && ids.every((id) => id.length >= MIN_UNIQUE_ID_CHARS);
}

type Usage = Pick<StepFact, "input_tokens" | "output_tokens" | "cache_read_tokens" | "cache_write_tokens">;
type Models = Pick<StepFact, "request_model" | "response_model">;

export function usageKnown({ input_tokens, output_tokens }: Pick<Usage, "input_tokens" | "output_tokens">): boolean {
  return input_tokens !== null || output_tokens !== null;
}

/** The same tokens in and out, as far as both know them; whether cached ones are among those read, libraries don't agree. */
export function sameUsage(a: Usage, b: Usage): boolean {
  const inputs = a.input_tokens !== null && b.input_tokens !== null;
  const outputs = a.output_tokens !== null && b.output_tokens !== null;
  if (!inputs && !outputs) return false;
  return (!outputs || a.output_tokens === b.output_tokens) && (!inputs || sameInput(a, b) || sameInput(b, a));
}

function sameInput(a: Usage, b: Usage): boolean {
  const read = a.input_tokens ?? 0;
  const cached = b.cache_read_tokens ?? a.cache_read_tokens ?? 0;
  const written = b.cache_write_tokens ?? a.cache_write_tokens ?? 0;
  return [0, cached, cached + written].some((more) => read + more === b.input_tokens);
}

function sumsUp(outer: StepFact, inner: readonly StepFact[]): boolean {
  const sum = (column: "input_tokens" | "output_tokens") => inner.reduce((total, one) => total + (one[column] ?? 0), 0);
  return (
    (outer.input_tokens === null || outer.input_tokens === sum("input_tokens")) &&
    (outer.output_tokens === null || outer.output_tokens === sum("output_tokens"))
  );
}

/** Within one another's time. */
export function sameTime(a: Span, b: Span): boolean {
  return within(a, b) || within(b, a);
}

export function within(inner: Span, outer: Span): boolean {
  return notBefore(inner.start_time, outer.start_time) && notBefore(outer.end_time, inner.end_time);
}

/** Equal, or one a dated or prefixed form of the other (`gpt-4o-2024-08-06`, `openai/gpt-4o`, `models/gemini-2.5-pro`); unknown fits all. */
export function sameModel(a: Models, b: Models): boolean {
  const ofA = modelsOf(a);
  const ofB = modelsOf(b);
  return ofA.length === 0 || ofB.length === 0 || ofA.some((one) => ofB.some((other) => sameName(one, other)));
}

function modelsOf({ request_model, response_model }: Models): string[] {
  return [request_model, response_model].filter((model) => model !== "").map((model) => model.toLowerCase());
}

function sameName(a: string, b: string): boolean {
  const [short = "", long = ""] = a.length < b.length ? [a, b] : [b, a];
  const at = long.indexOf(short);
  if (at < 0) return false;
  const before = long.slice(0, at);
  const behind = long.slice(at + short.length);
  return /^$|[/.:]$/.test(before) && /^$|^[-@:](\d{3,}|v\d|latest|preview|exp)[\w.:-]*$/.test(behind);
}
