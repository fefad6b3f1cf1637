import type { Run } from "@runledger/contract";
import { z } from "zod";
import { shortName, shortText } from "../http/short-columns.ts";
import { boundsOf, clickhouseTime, type DetectorQuestion, type Finding, ruleIn, WITHIN_BOUNDS } from "./findings.ts";
import { nanosOfUsd } from "./money.ts";
import type { RuleName } from "./rules.ts";

/** Of a run that is over its limit, the last steps say what it is doing. */
const LAST_STEPS_SHOWN = 5;

/** What each rule measures of a run, and its word for it. Unknown is nothing to measure. */
const MEASURES: Partial<Record<RuleName, { of: (run: Run) => number; words: (value: number) => string }>> = {
  "limit.steps": { of: (run) => run.steps, words: (value) => `has taken ${value} steps` },
  "limit.tokens": {
    of: (run) => (run.input_tokens ?? 0) + (run.output_tokens ?? 0),
    words: (value) => `has used ${value} tokens`,
  },
  "limit.cost": { of: (run) => Number(run.cost_usd ?? 0), words: (value) => `has cost $${value}` },
  "tool.failure_rate": { of: failureRate, words: (value) => `fails in ${Math.round(value * 100)} % of its tool calls` },
  "guardrail.rejections": {
    of: (run) => run.guardrail_rejections,
    words: (value) => `was rejected by guardrails ${value} times`,
  },
  "limit.time": { of: (run) => run.duration_ms / 1_000, words: (value) => `runs since ${Math.round(value)} s` },
};

/** A share of few calls says nothing, and what was only asked for has not failed and not succeeded. */
const MIN_TOOL_CALLS = 5;
function failureRate(run: Run): number {
  const told = run.tool_call_count - run.tool_outcome_missing;
  return told < MIN_TOOL_CALLS ? 0 : run.tool_errors / told;
}

/** Which rule speaks of a limit of the SDK, by the name in its `limit` step, and how many of its units make one of the rule's. */
const RULE_OF_LIMIT: Record<string, { rule: RuleName; perUnit: number }> = {
  steps: { rule: "limit.steps", perUnit: 1 },
  tokens: { rule: "limit.tokens", perUnit: 1 },
  cost_usd: { rule: "limit.cost", perUnit: 1 },
  wall_ms: { rule: "limit.time", perUnit: 1_000 },
  repeats: { rule: "loop.repeat", perUnit: 1 },
};

const limitStep = z.object({
  run_id: z.string(),
  step_id: z.string(),
  name: z.string(),
  time: clickhouseTime,
  error_message: z.string(),
});
const lastStep = z.object({ run_id: z.string(), step_id: z.string() });

/** `limit.*` and other sums of a run: runs over a threshold here, and runs that a limit of their own has stopped. */
export async function detectLimits(question: DetectorQuestion): Promise<Finding[]> {
  const stopped = await stoppedRuns(question);
  const over = [...question.runs.values()].flatMap(({ run }) => exceeded(run, question));
  // What an agent stopped itself for is said once, in its own numbers.
  const alone = over.filter((one) => !stopped.some(({ rule, run }) => rule === one.rule && run === one.run));
  const last = await lastSteps(question, [...new Set(alone.map(({ run }) => run.run_id))]);
  return [...stopped, ...alone.map((one) => ({ ...one, stepIds: last.get(one.run.run_id) ?? [] }))];
}

async function stoppedRuns(question: DetectorQuestion): Promise<Finding[]> {
  const sql = `
SELECT run_id, step_id, ${shortName("t.name")} AS name, toString(start_time) AS time, ${shortText("t.error_message")} AS error_message
FROM all_steps AS t WHERE ${WITHIN_BOUNDS} AND kind = 'limit' ORDER BY run_id, start_time`;
  const found = await question.rows.query<object>(sql, boundsOf(question));
  return found.flatMap((row) => stoppedBy(limitStep.parse(row), question));
}

async function lastSteps(question: DetectorQuestion, runIds: readonly string[]): Promise<Map<string, string[]>> {
  if (runIds.length === 0) return new Map();
  const sql = `
SELECT run_id, step_id FROM all_steps WHERE ${WITHIN_BOUNDS}
ORDER BY run_id, start_time DESC, step_id LIMIT {shown:UInt8} BY run_id`;
  const parameters = { ...boundsOf(question), run_ids: runIds, shown: LAST_STEPS_SHOWN };
  const found = (await question.rows.query<object>(sql, parameters)).map((row) => lastStep.parse(row));
  return new Map(
    runIds.map((runId) => [
      runId,
      found
        .filter((row) => row.run_id === runId)
        .map((row) => row.step_id)
        .reverse(),
    ]),
  );
}

function exceeded(run: Run, { rules }: DetectorQuestion): Finding[] {
  return Object.entries(MEASURES).flatMap(([name, { of, words }]): Finding[] => {
    const rule = name as RuleName;
    const threshold = ruleIn(rules, rule)?.threshold;
    if (threshold === undefined) return [];
    if (rule === "limit.time" && run.status !== "running") return [];
    const value = of(run);
    const reached =
      rule === "limit.cost" ? nanosOfUsd(run.cost_usd ?? "0") >= nanosOfUsd(threshold.toFixed(9)) : value >= threshold;
    return reached ? [{ rule, run, value, threshold, what: words(value), stepIds: [], since: run.start_time }] : [];
  });
}

function stoppedBy(step: z.infer<typeof limitStep>, { runs, rules }: DetectorQuestion): Finding[] {
  const run = runs.get(step.run_id)?.run;
  const limit = /^limit (\w+)$/.exec(step.name)?.[1] ?? "";
  const { rule, perUnit = 1 } = RULE_OF_LIMIT[limit] ?? {};
  const own = rule && ruleIn(rules, rule);
  if (!run || !rule || !own) return [];
  // The SDK says it in numbers: "limit steps: 20 of 20".
  const said = /(\d+(?:\.\d+)?) of (\d+(?:\.\d+)?)/.exec(step.error_message);
  return [
    {
      rule,
      run,
      value: said ? Number(said[1]) / perUnit : (MEASURES[rule]?.of(run) ?? own.threshold),
      threshold: said ? Number(said[2]) / perUnit : own.threshold,
      // Not its error message whole: alerts outlive an erasure.
      what: `was stopped by its own limit (${limit}${said ? `: ${said[0]}` : ""})`,
      stepIds: [step.step_id],
      since: step.time,
    },
  ];
}
