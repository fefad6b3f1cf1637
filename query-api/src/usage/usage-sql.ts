import type { USAGE_GROUPS } from "@runledger/contract";
import { runSummarySql } from "../runs/run-summary.ts";

export type UsageGroup = (typeof USAGE_GROUPS)[number];

/** How each dimension reads in each source: runs summed up, the per-minute rollup, and steps joined with their runs. */
const DIMENSIONS: Record<UsageGroup, { runs: string; minutes: string | null; steps: string }> = {
  agent: { runs: "agent_name", minutes: null, steps: "r.agent_name" },
  task_type: { runs: "task_type_value", minutes: null, steps: "r.task_type_value" },
  user: { runs: "user_value", minutes: null, steps: "r.user_value" },
  model: {
    runs: "arrayJoin(model_names)",
    minutes: "model",
    steps: "s.model",
  },
  tool: { runs: "arrayJoin(tool_names)", minutes: "tool_name", steps: "s.tool_name" },
  hour: {
    runs: hourOf("fromUnixTimestamp64Nano(start_ns, 'UTC')"),
    minutes: hourOf("minute"),
    steps: hourOf("s.start_time"),
  },
  day: {
    runs: dayOf("fromUnixTimestamp64Nano(start_ns, 'UTC')"),
    minutes: dayOf("minute"),
    steps: dayOf("s.start_time"),
  },
};

/** Runs, how they went, and what they used, for runs that started in [since, until). */
export function runUsageSql(groups: readonly UsageGroup[]): string {
  return `
SELECT ${grouped(groups, (group) => DIMENSIONS[group].runs)}
  count() AS runs, countIf(run_status != 'running') AS ended, countIf(run_status IN ('completed', 'handed_off')) AS succeeded,
  avg(step_count) AS steps_mean, quantileExact(0.5)(step_count) AS steps_p50, quantileExact(0.95)(step_count) AS steps_p95,
  quantileExactIf(0.95)(duration_ns / 1e6, run_status != 'running') AS latency_p95,
  sum(step_count) AS steps, sum(llm_call_count) AS llm_calls, sum(tool_call_count) AS tool_calls,
  sum(tool_error_count) AS tool_errors, sum(tool_outcome_missing_count) AS tool_outcome_missing, sum(guardrail_count) AS guardrails,
  sum(guardrail_rejection_count) AS guardrail_rejections,
  sum(input_sum) AS input, sum(output_sum) AS output, sum(cache_read_sum) AS cache_read,
  sum(cache_write_sum) AS cache_write, sum(reasoning_sum) AS reasoning, sum(usage_missing_count) AS usage_missing,
  sum(input_missing_count) AS input_missing, sum(output_missing_count) AS output_missing,
  toString(sum(cost_sum)) AS cost, sum(cost_missing_count) AS cost_missing
FROM (${runSummarySql()})
WHERE start_ns >= {since:Int64} AND start_ns < {until:Int64}
${groups.length === 0 ? "" : "GROUP BY group"}
ORDER BY runs DESC
LIMIT {max_rows:UInt32}`;
}

/** What single calls used, where a model or a tool is asked for. The rollup answers where it knows every dimension. */
export function callUsageSql(groups: readonly UsageGroup[]): string {
  const byMinute = groups.every((group) => DIMENSIONS[group].minutes !== null);
  const named = [
    ...(groups.includes("model") ? ["model != ''"] : []),
    ...(groups.includes("tool") ? ["tool_name != ''"] : []),
  ].join(" OR ");
  const latency = byMinute
    ? "quantileBFloat16Merge(0.95)(latency)"
    : "quantileBFloat16If(0.95)(assumeNotNull(latency), latency IS NOT NULL)";
  return `
SELECT ${grouped(groups, (group) => (byMinute ? (DIMENSIONS[group].minutes ?? "''") : `dimension_${group}`))}
  sum(steps) AS step_sum, sum(llm_calls) AS llm_call_sum, sum(tool_calls) AS tool_call_sum,
  sum(tool_errors) AS tool_error_sum, greatest(sum(tool_outcome_missing), 0) AS tool_outcome_missing_sum, sum(guardrails) AS guardrail_sum, sum(guardrail_rejections) AS guardrail_rejection_sum,
  ${ofCalls("input_tokens")} AS input, ${ofCalls("output_tokens")} AS output, ${ofCalls("cache_read_tokens")} AS cache_read,
  ${ofCalls("cache_write_tokens")} AS cache_write, ${ofCalls("reasoning_tokens")} AS reasoning, sum(usage_missing) AS usage_missing_sum,
  greatest(sum(input_missing), 0) AS input_missing_sum, greatest(sum(output_missing), 0) AS output_missing_sum,
  toString(${ofCalls("cost_usd")}) AS cost, sum(cost_missing) AS cost_missing_sum, ${latency} AS latency_p95
FROM ${byMinute ? MINUTES : stepsJoined(groups)}
WHERE (${named})
GROUP BY group`;
}

/** A sum that may have been taken back as a whole: unknown then, not 0. */
function ofCalls(column: string): string {
  return `if(sum(llm_calls) = 0, NULL, sum(${column}))`;
}

const MINUTES = `(SELECT * FROM usage_parts WHERE tenant = {tenant:String}
  AND minute >= fromUnixTimestamp64Nano({since:Int64}) AND minute < fromUnixTimestamp64Nano({until:Int64}))`;

/** Steps and their corrections in the columns of the rollup, with what only their run knows. */
function stepsJoined(groups: readonly UsageGroup[]): string {
  return `(
  SELECT ${groups.map((group) => `${DIMENSIONS[group].steps} AS dimension_${group},`).join(" ")} s.*
  FROM step_parts AS s
  LEFT ANY JOIN (SELECT run_id, agent_name, task_type_value, user_value FROM (${runSummarySql()})) AS r ON r.run_id = s.run_id
  WHERE s.tenant = {tenant:String}
    AND s.start_time >= fromUnixTimestamp64Nano({since:Int64}) AND s.start_time < fromUnixTimestamp64Nano({until:Int64})
)`;
}

/** The values of the dimensions as one array column, `group`; nothing when none is asked for. */
function grouped(groups: readonly UsageGroup[], expression: (group: UsageGroup) => string): string {
  return groups.length === 0 ? "" : `[${groups.map((group) => `toString(${expression(group)})`).join(", ")}] AS group,`;
}

function hourOf(time: string): string {
  return `formatDateTime(${time}, '%Y-%m-%dT%H:00:00Z', 'UTC')`;
}

function dayOf(time: string): string {
  return `formatDateTime(${time}, '%Y-%m-%dT00:00:00Z', 'UTC')`;
}
