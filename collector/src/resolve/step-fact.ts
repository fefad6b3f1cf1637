import type { StepRow } from "@runledger/contract";

/** What the resolver knows of a record: these columns of its row. Of records that are neither model nor tool call, the links suffice. */
export const FACT_COLUMNS = [
  "tenant",
  "run_id",
  "record_id",
  "event",
  "kind",
  "step_id",
  "parent_id",
  "trace_id",
  "dialect",
  "scope_name",
  "start_time",
  "end_time",
  "received_time",
  "status",
  "operation",
  "task_type",
  "agent_name",
  "request_model",
  "response_model",
  "response_id",
  "prompt_sha256",
  "llm_counted",
  "input_tokens",
  "output_tokens",
  "cache_read_tokens",
  "cache_write_tokens",
  "reasoning_tokens",
  "cost_usd",
  "tool_name",
  "tool_call_id",
  "arguments_sha256",
  "result_sha256",
  "tool_inferred",
  "tool_request_ids",
  "tool_request_names",
  "tool_request_arguments",
  "tool_result_ids",
  "tool_result_sha256",
  "tool_result_names",
  "tool_result_bytes",
  "tool_result_errors",
  "input_preview",
  "output_preview",
] as const satisfies readonly (keyof StepRow)[];

export type StepFact = Pick<StepRow, (typeof FACT_COLUMNS)[number]>;

const TOKENS = [
  "input_tokens",
  "output_tokens",
  "cache_read_tokens",
  "cache_write_tokens",
  "reasoning_tokens",
] as const satisfies readonly (keyof StepFact)[];

/** As ClickHouse answers, where 64-bit integers are texts, with numbers. */
export function withNumbers<Told extends Partial<StepFact>>(told: Told): Told {
  const numbers: Partial<StepFact> = {};
  for (const name of TOKENS) if (typeof told[name] === "string") numbers[name] = Number(told[name]);
  if (told.tool_result_bytes !== undefined) numbers.tool_result_bytes = told.tool_result_bytes.map(Number);
  return { ...told, ...numbers };
}

/** Of `@runledger/sdk`, which sees each call once and tells of every tool. */
export const OWN_DIALECT = "runledger";

/** Clocks of one process, rounded by several libraries, may differ by so much. */
export const TOLERANCE_MS = 100;

/** Instrumentations of one call begin at nearly one moment. */
export const MINUTES_APART = 2;
const MINUTE_MS = 60_000;

/** Of its beginning, since the epoch. */
export function minuteOf({ start_time }: Pick<StepFact, "start_time">): number {
  return Math.trunc(Date.parse(start_time) / MINUTE_MS);
}

/** Those in which another instrumentation may have told of it. */
export function minutesAround(minute: number): number[] {
  return Array.from({ length: 2 * MINUTES_APART + 1 }, (_, n) => minute - MINUTES_APART + n);
}

/** In order of time, and the same for the same facts. */
export function inOrder(a: StepFact, b: StepFact): number {
  return compare(a.start_time, b.start_time) || compare(a.end_time, b.end_time) || compare(a.record_id, b.record_id);
}

/** RFC 3339 of one length sorts as text. */
export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** `a` is later than `b`, or so little before it that it can't be told. */
export function notBefore(a: string, b: string): boolean {
  return a >= b || Date.parse(a) >= Date.parse(b) - TOLERANCE_MS;
}

/** Some moment is of both. */
export function overlap(a: Span, b: Span): boolean {
  return notBefore(a.end_time, b.start_time) && notBefore(b.end_time, a.start_time);
}

export type Span = Pick<StepFact, "start_time" | "end_time">;

/** Who wrote the record down: another one may have seen the same call. The records of one instrumentation can be of several dialects. */
export function sourceOf({ dialect, scope_name }: Pick<StepFact, "dialect" | "scope_name">): string {
  return scope_name === "" ? dialect : `scope ${scope_name}`;
}

/** Of a model or tool call, or something else that speaks of tools. The same as IS_FACT says in SQL. */
export function isFact(row: StepFact): boolean {
  if (row.event === "step") return row.kind === "llm" || row.kind === "tool";
  return row.event === "log" && (row.tool_request_names.length > 0 || row.tool_result_ids.length > 0);
}
