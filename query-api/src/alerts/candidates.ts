import type { Rows } from "@runledger/storage";
import { ruleIn } from "./findings.ts";
import type { RuleName, RulesInForce } from "./rules.ts";

/** A threshold that nothing reaches: of a rule that is off. */
const NEVER = Number.MAX_SAFE_INTEGER;
const NS_PER_SECOND = 1_000_000_000;

/**
 * Of these runs the ones that a rule in force could speak of, by their sums alone: most runs are over before any rule has a word
 * to say, and looking at their steps would cost more than storing them did. Never leaves out a run that a detector would name.
 */
export async function findCandidates(
  rows: Rows,
  question: { tenant: string; runIds: readonly string[]; rules: RulesInForce; nowMs: number },
): Promise<string[]> {
  const { tenant, runIds, rules, nowMs } = question;
  const threshold = (rule: RuleName) => ruleIn(rules, rule)?.threshold ?? NEVER;
  const found = await rows.query<{ run_id: string }>(CANDIDATES, {
    tenant,
    run_ids: runIds,
    // A cycle has at least two calls each time.
    calls: Math.min(threshold("loop.repeat"), threshold("loop.cycle") * 2, threshold("loop.no_progress")),
    retries: threshold("retry.cascade"),
    fanout: threshold("fanout"),
    effects: Math.min(threshold("side_effect.unapproved"), threshold("side_effect.duplicate")) < NEVER ? 1 : 0,
    steps: threshold("limit.steps"),
    tokens: threshold("limit.tokens"),
    cost_usd: threshold("limit.cost"),
    started_before_ns: Math.max(0, nowMs * 1e6 - threshold("limit.time") * NS_PER_SECOND).toFixed(0),
  });
  return found.map((row) => row.run_id);
}

/** A step that tells of a limit of the SDK's own is a failed one, and so is a call that was refused: unknown, or of wrong arguments. */
const CANDIDATES = `
SELECT run_id
FROM (
  SELECT run_id, sum(tool_calls) AS tool_calls, sum(steps) AS steps, sum(step_errors) AS step_errors,
    ifNull(sum(input_tokens), 0) + ifNull(sum(output_tokens), 0) AS tokens, ifNull(sum(cost_usd), 0) AS cost_usd, min(start_time) AS start_time
  FROM runs
  WHERE tenant = {tenant:String} AND run_id IN {run_ids:Array(String)}
  GROUP BY run_id
) AS runs
LEFT ANY JOIN (
  SELECT * FROM run_corrections FINAL WHERE tenant = {tenant:String} AND run_id IN {run_ids:Array(String)}
) AS more USING run_id
WHERE runs.tool_calls + more.tool_calls >= {calls:Float64} OR runs.steps + more.steps >= least({steps:Float64}, {fanout:Float64}) OR runs.tool_calls >= {retries:Float64} OR step_errors > 0
  OR runs.tokens + more.input_tokens + more.output_tokens >= {tokens:Float64}
  OR toFloat64(runs.cost_usd + more.cost_usd) >= {cost_usd:Float64}
  OR toUnixTimestamp64Nano(runs.start_time) <= {started_before_ns:Int64}
  OR {effects:UInt8} = 1 AND run_id IN (
    SELECT run_id FROM steps WHERE tenant = {tenant:String} AND run_id IN {run_ids:Array(String)} AND tool_side_effect IN ('reversible', 'irreversible'))`;
