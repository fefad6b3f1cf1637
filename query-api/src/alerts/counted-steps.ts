import { z } from "zod";
import {
  boundsOf,
  clickhouseTime,
  type DetectorQuestion,
  type Finding,
  MAX_STEPS_SHOWN,
  NOT_UNCOUNTED,
  ruleIn,
  WITHIN_BOUNDS,
} from "./findings.ts";
import type { RuleName } from "./rules.ts";

/** Rules that count the steps of a run that are of a kind: which ones, and what is said of so many. A line each; all are one query. */
const COUNTED: Partial<Record<RuleName, { steps: string; words: (count: number, names: string) => string }>> = {
  "tool.unknown": {
    steps: "kind = 'tool' AND tool_known = false",
    words: (count, names) => `asked for tools that do not exist (${names}): ${count} times`,
  },
  "tool.invalid_arguments": {
    steps: "kind = 'tool' AND tool_valid = false",
    words: (count, names) => `calls tools with arguments that are not of their schema (${names}): ${count} times`,
  },
  "side_effect.unapproved": {
    steps:
      "kind = 'tool' AND tool_side_effect = 'irreversible' AND ifNull(tool_confirmed, false) = false AND status != 'error'",
    words: (count, names) => `did what can't be undone without approval (${names}): ${count} times`,
  },
  "retry.cascade": {
    steps: "kind = 'tool' AND attempt > 1",
    words: (count, names) => `tries again and again (${names}): ${count} retries`,
  },
  fanout: { steps: "kind = 'agent'", words: (count) => `has started ${count} sub-agents` },
};

const row = z.object({
  run_id: z.string(),
  count: z.coerce.number().int(),
  since: clickhouseTime,
  step_ids: z.array(z.string()),
  names: z.array(z.string()),
});
const MAX_NAMES = 5;

export async function detectCountedSteps(question: DetectorQuestion): Promise<Finding[]> {
  const rules = (Object.keys(COUNTED) as RuleName[]).filter((rule) => ruleIn(question.rules, rule) !== null);
  if (rules.length === 0) return [];
  const conditions = rules.map((rule) => COUNTED[rule]?.steps);
  const sql = `
SELECT run_id, rule, count() AS count, toString(min(start_time)) AS since,
  arrayMap(one -> toString(one.2), arraySlice(arraySort(groupArray((start_time, step_id))), -{shown:Int64})) AS step_ids,
  arraySlice(groupUniqArray(if(tool_name != '', tool_name, name)::String), 1, ${MAX_NAMES}) AS names
FROM (SELECT run_id, start_time, step_id, tool_name, name,
    arrayJoin(arrayFilter(i -> i > 0, [${conditions.map((steps, i) => `if(${steps}, ${i + 1}, 0)`).join(", ")}])) AS rule
  FROM all_steps WHERE ${WITHIN_BOUNDS} AND NOT conflict AND ${NOT_UNCOUNTED})
GROUP BY run_id, rule`;
  const found = await question.rows.query<{ rule: number }>(sql, { ...boundsOf(question), shown: MAX_STEPS_SHOWN });
  return found.flatMap((raw) => {
    const { run_id, count, since, step_ids, names } = row.parse(raw);
    const name = rules[raw.rule - 1];
    const run = question.runs.get(run_id)?.run;
    const threshold = name && ruleIn(question.rules, name)?.threshold;
    if (name === undefined || run === undefined || threshold === undefined || count < threshold) return [];
    const what = COUNTED[name]?.words(count, names.toSorted().join(", ")) ?? name;
    return [{ rule: name, run, value: count, threshold, what, stepIds: step_ids, since }];
  });
}
