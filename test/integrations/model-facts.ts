import type { StepDetail } from "@runledger/contract";
import { expect } from "vitest";
import type { Exchange } from "../support/fake-model-server.ts";
import type { Outcome } from "./run-scenario.ts";

type LlmStep = StepDetail & { llm: NonNullable<StepDetail["llm"]> };

/** What a dialect may not tell of a model call. */
export type CallFact =
  | "request_model"
  | "response_id"
  | "response_model"
  | "finish_reasons"
  | "input_tokens"
  | "output_tokens"
  | "cache_read_tokens"
  | "cache_write_tokens"
  | "reasoning_tokens"
  | "streaming"
  | "messages"
  | "response";

export interface FactOptions {
  /** Facts that this instrumentation does not send: they must be unknown, not guessed. A function: of which calls. */
  unknown?: readonly CallFact[] | ((exchange: Exchange) => readonly CallFact[]);
  /** Which calls; default: those that succeeded. */
  exchanges?: readonly Exchange[];
}

/** The steps that are model calls, of all runs; of several records of one call, the one that counts. */
export function llmSteps(outcome: Outcome): LlmStep[] {
  return outcome.runs.flatMap(({ steps }) => steps.filter((step): step is LlmStep => step.llm?.counted === true));
}

/**
 * Checks everything that the model server knows: one step for each call, with its model, response id, tokens, finish reason and content,
 * and the runs' totals, in which each call counts once. Calls are matched by response id, else by their order.
 */
export function expectModelCalls(outcome: Outcome, { unknown = [], exchanges }: FactOptions = {}): void {
  const calls = exchanges ?? outcome.exchanges.filter(({ status }) => status === 200);
  const steps = llmSteps(outcome).filter(({ status }) => status === "ok");
  expect(steps.map(({ name }) => name)).toHaveLength(calls.length);
  for (const [index, call] of calls.entries()) {
    const step = steps.find(({ llm }) => llm.response_id !== null && llm.response_id === call.responseId);
    expectCall(step ?? steps[index], call, typeof unknown === "function" ? unknown(call) : unknown);
  }
  const total = (count: (run: Outcome["run"]) => number | null) =>
    outcome.runs.reduce((sum, { run }) => sum + (count(run) ?? 0), 0);
  expect(total((run) => run.llm_calls)).toBe(llmSteps(outcome).length);
  const known = (call: Exchange, fact: CallFact) =>
    !(typeof unknown === "function" ? unknown(call) : unknown).includes(fact);
  const sumOf = (fact: "input_tokens" | "output_tokens", name: "input" | "output") =>
    calls.reduce((sum, call) => sum + (known(call, fact) ? (call.usage?.[name] ?? 0) : 0), 0);
  expect(total((run) => run.input_tokens)).toBe(sumOf("input_tokens", "input"));
  expect(total((run) => run.output_tokens)).toBe(sumOf("output_tokens", "output"));
}

function expectCall(step: LlmStep | undefined, call: Exchange, unknown: readonly CallFact[]): void {
  if (step === undefined) throw new Error(`no step for the call ${JSON.stringify(call.request)}`);
  const { llm } = step;
  // Where one name stands for both models, it is that of the model that answered.
  if (unknown.includes("request_model")) expect([null, call.responseModel]).toContain(llm.request_model);
  else expect(llm.request_model).toBe(call.requestModel);
  const expected = {
    response_id: call.responseId,
    response_model: call.responseModel,
    input_tokens: call.usage?.input ?? null,
    output_tokens: call.usage?.output || null,
    cache_read_tokens: call.usage?.cacheRead ?? null,
    cache_write_tokens: call.usage?.cacheWrite ?? null,
    reasoning_tokens: call.usage?.reasoning ?? null,
    streaming: call.stream,
  };
  for (const [name, value] of Object.entries(expected) as [keyof typeof expected, unknown][]) {
    if (unknown.includes(name)) expect({ [name]: llm[name] }).toEqual({ [name]: null });
    // Zero may be left out, and "not streamed" too.
    else if (value === null || value === false) expect([null, 0, false]).toContain(llm[name]);
    else expect({ [name]: llm[name] }).toEqual({ [name]: value });
  }
  if (unknown.includes("finish_reasons")) expect(llm.finish_reasons).toEqual([]);
  else if (call.finishReason) expect(finishWords(call)).toContain(llm.finish_reasons[0]);
  if (!unknown.includes("messages")) expectTexts({ ...llm }, textsOf(call.request));
  if (!unknown.includes("response")) expectResponse(llm, call);
}

/** The provider's word, and those that dialects put in its place; OpenAI's responses themselves don't tell calls from a stop. */
function finishWords({ finishReason, toolCalls }: Exchange): string[] {
  const words = [String(finishReason)];
  if (finishReason === "max_tokens" || finishReason === "length" || finishReason === "incomplete")
    return [...words, "length", "max_tokens"];
  if (toolCalls.length === 0 || finishReason === "completed") words.push("stop");
  return toolCalls.length === 0
    ? words
    : [...words, "tool_calls", "tool-calls", "tool_call", "tool_use", "function_call"];
}

function expectResponse(llm: LlmStep["llm"], call: Exchange): void {
  if (call.text !== null) expectTexts(llm.response, [call.text]);
  const parts = (llm.response ?? []).flatMap((message) =>
    typeof message === "object" && message !== null && "parts" in message && Array.isArray(message.parts)
      ? message.parts
      : [],
  );
  const asked = parts.filter(({ type }) => type === "tool_call");
  expect(asked).toEqual(
    call.toolCalls.map(({ id, name, arguments: given }) =>
      expect.objectContaining({ id, name, arguments: expect.toSatisfy((seen) => sameJson(seen, given)) }),
    ),
  );
}

function sameJson(seen: unknown, given: unknown): boolean {
  const value = (json: unknown) => (typeof json === "string" ? JSON.parse(json) : json);
  return JSON.stringify(value(seen)) === JSON.stringify(value(given));
}

function expectTexts(content: unknown, texts: readonly string[]): void {
  const json = JSON.stringify(content);
  // Within text that is JSON itself, quotes are escaped once more: only what is plain is looked for.
  for (const text of texts.filter((candidate) => !/["\\\n]/.test(candidate))) expect(json).toContain(text);
}

/** The words in a request: what people, tools and systems said. */
function textsOf(request: Record<string, unknown>): string[] {
  const words = (value: unknown): string[] => {
    if (typeof value === "string") return [value];
    if (Array.isArray(value)) return value.flatMap(words);
    if (typeof value !== "object" || value === null) return [];
    const { content, text, output } = value as Record<string, unknown>;
    return [content, text, output].flatMap(words);
  };
  return [request["messages"], request["input"], request["instructions"], request["system"]].flatMap(words);
}
