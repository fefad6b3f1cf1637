import type { UsageRow } from "@runledger/contract";
import { z } from "zod";
import type { UsageGroup } from "./usage-sql.ts";

const count = z.coerce.number().int().nonnegative();
const known = z.coerce.number().int().nonnegative().nullable();
const measure = z.coerce.number().nullable();

const used = z.object({
  group: z.array(z.string()).default([]),
  input: known,
  output: known,
  cache_read: known,
  cache_write: known,
  reasoning: known,
  cost: z.string().nullable(),
  latency_p95: measure,
});
const runUsageRow = used.extend({
  runs: count,
  ended: count,
  succeeded: count,
  steps_mean: measure,
  steps_p50: measure,
  steps_p95: measure,
  steps: count,
  llm_calls: count,
  tool_calls: count,
  tool_errors: count,
  tool_outcome_missing: count,
  guardrails: count,
  guardrail_rejections: count,
  usage_missing: count,
  input_missing: count,
  output_missing: count,
  cost_missing: count,
});
const callUsageRow = used.extend({
  step_sum: count,
  llm_call_sum: count,
  tool_call_sum: count,
  tool_error_sum: count,
  tool_outcome_missing_sum: count,
  guardrail_sum: count,
  guardrail_rejection_sum: count,
  usage_missing_sum: count,
  input_missing_sum: count,
  output_missing_sum: count,
  cost_missing_sum: count,
});

/** Rows of usage out of the answers of `runUsageSql` and, where a model or a tool is asked for, `callUsageSql`. */
export function usageRows(
  groups: readonly UsageGroup[],
  byRun: readonly object[],
  byCall: readonly object[] | null,
): UsageRow[] {
  const calls = new Map(byCall?.map((row) => callUsageRow.parse(row)).map((row) => [JSON.stringify(row.group), row]));
  return byRun.map((row) => {
    const run = runUsageRow.parse(row);
    const whole = rowOfRuns(groups, run);
    if (byCall === null) return whole;
    return { ...whole, ...columnsOfCalls(calls.get(JSON.stringify(run.group))) };
  });
}

function rowOfRuns(groups: readonly UsageGroup[], r: z.infer<typeof runUsageRow>): UsageRow {
  return {
    group: Object.fromEntries(groups.map((group, i) => [group, r.group[i] || null])),
    runs: r.runs,
    success_rate: rate(r.succeeded, r.ended),
    steps: r.steps,
    steps_mean: finite(r.steps_mean),
    steps_p50: r.runs === 0 ? null : finite(r.steps_p50),
    steps_p95: r.runs === 0 ? null : finite(r.steps_p95),
    latency_p95_ms: r.ended === 0 ? null : finite(r.latency_p95),
    llm_calls: r.llm_calls,
    tool_calls: r.tool_calls,
    tool_outcome_missing: r.tool_outcome_missing,
    ...tokensOf(r),
    usage_missing: r.usage_missing,
    input_missing: r.input_missing,
    output_missing: r.output_missing,
    cost_usd: r.cost,
    cost_missing: r.cost_missing,
    tool_success_rate: toolSuccess(r.tool_calls - r.tool_outcome_missing, r.tool_errors),
    guardrail_rejection_rate: rate(r.guardrail_rejections, r.guardrails),
  };
}

/** Replaces what a whole run used by what the calls of the group did. A group without calls in the period used nothing known. */
function columnsOfCalls(c: z.infer<typeof callUsageRow> | undefined): Partial<UsageRow> {
  return {
    steps: c?.step_sum ?? 0,
    latency_p95_ms: c === undefined ? null : finite(c.latency_p95),
    llm_calls: c?.llm_call_sum ?? 0,
    tool_calls: c?.tool_call_sum ?? 0,
    tool_outcome_missing: c?.tool_outcome_missing_sum ?? 0,
    ...tokensOf(c),
    usage_missing: c?.usage_missing_sum ?? 0,
    input_missing: c?.input_missing_sum ?? 0,
    output_missing: c?.output_missing_sum ?? 0,
    cost_usd: c?.cost ?? null,
    cost_missing: c?.cost_missing_sum ?? 0,
    tool_success_rate:
      c === undefined ? null : toolSuccess(c.tool_call_sum - c.tool_outcome_missing_sum, c.tool_error_sum),
    guardrail_rejection_rate: c === undefined ? null : rate(c.guardrail_rejection_sum, c.guardrail_sum),
  };
}

function tokensOf(row: z.infer<typeof used> | undefined) {
  return {
    input_tokens: row?.input ?? null,
    output_tokens: row?.output ?? null,
    cache_read_tokens: row?.cache_read ?? null,
    cache_write_tokens: row?.cache_write ?? null,
    reasoning_tokens: row?.reasoning ?? null,
  };
}

/** `told`: calls of which is known how they went. */
function toolSuccess(told: number, failed: number): number | null {
  return rate(told - failed, told);
}

function rate(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}

/** ClickHouse writes a mean of nothing as nan, which JSON has as null. */
function finite(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? value : null;
}
