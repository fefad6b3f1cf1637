import { z } from "zod";
import { shortName, shortText } from "../http/short-columns.ts";
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
import {
  cycleAtEnd,
  repeatedEffect,
  type SequencedCall,
  type SequenceFinding,
  sameErrorAtEnd,
  sameResultAtEnd,
} from "./tool-sequence.ts";

/** Of each run the newest calls: enough for the longest cycle many times round. */
const MAX_CALLS = 100;

type Look = (calls: readonly SequencedCall[], threshold: number) => SequenceFinding | null;
const LOOKS: Partial<Record<RuleName, { look: Look; words: (found: SequenceFinding) => string }>> = {
  "loop.cycle": {
    look: cycleAtEnd,
    words: ({ count, calls }) => `goes round in circles (${toolsOf(calls)}): ${count} times`,
  },
  "loop.no_progress": {
    look: sameResultAtEnd,
    words: ({ count, calls }) => `gets the same result again and again from ${toolsOf(calls)}: ${count} times`,
  },
  "loop.errors": {
    look: sameErrorAtEnd,
    words: ({ count, calls }) => `runs into the same error again and again (${toolsOf(calls)}): ${count} times`,
  },
  "side_effect.duplicate": {
    look: repeatedEffect,
    words: ({ count, calls }) => `did the same thing to the world ${count} times: ${toolsOf(calls)}`,
  },
};

const callRow = z
  .object({
    run_id: z.string(),
    step_id: z.string(),
    time: clickhouseTime,
    tool_name: z.string(),
    arguments_sha256: z.string(),
    result_sha256: z.string(),
    failed: z.coerce.boolean(),
    error: z.string(),
    effect: z.coerce.boolean(),
  })
  .transform((row) => ({
    runId: row.run_id,
    ...{ stepId: row.step_id, time: row.time, tool: row.tool_name },
    ...{ arguments: row.arguments_sha256, result: row.result_sha256, sideEffect: row.effect },
    error: row.failed ? row.error : null,
  }));

/** Rules that look at the calls of a run in their order; all are one query. */
export async function detectSequences(question: DetectorQuestion): Promise<Finding[]> {
  const rules = (Object.keys(LOOKS) as RuleName[]).filter((rule) => ruleIn(question.rules, rule) !== null);
  if (rules.length === 0) return [];
  const found = await question.rows.query<object>(CALLS, { ...boundsOf(question), max_calls: MAX_CALLS });
  const calls = Map.groupBy(
    found.map((row) => callRow.parse(row)),
    ({ runId }) => runId,
  );
  return [...calls].flatMap(([runId, newestFirst]) => {
    const run = question.runs.get(runId)?.run;
    if (run === undefined) return [];
    const inOrder = newestFirst.toReversed();
    return rules.flatMap((rule): Finding[] => {
      const threshold = ruleIn(question.rules, rule)?.threshold ?? 0;
      const seen = LOOKS[rule]?.look(inOrder, threshold);
      if (!seen) return [];
      const stepIds = seen.calls.slice(-MAX_STEPS_SHOWN).map(({ stepId }) => stepId);
      const since = seen.calls[0]?.time ?? run.start_time;
      return [{ rule, run, value: seen.count, threshold, what: LOOKS[rule]?.words(seen) ?? rule, stepIds, since }];
    });
  });
}

/** What an exact tool answered from what it did before (`tool_same_as`) had no effect again. */
const CALLS = `
SELECT run_id, step_id, toString(start_time) AS time, tool_name, arguments_sha256, result_sha256, status = 'error' AS failed,
  concat(${shortName("error_type")}, ' ', ${shortText("error_message")}) AS error, tool_side_effect IN ('reversible', 'irreversible') AND tool_same_as = '' AS effect
FROM all_steps
WHERE ${WITHIN_BOUNDS} AND kind = 'tool' AND NOT conflict AND ${NOT_UNCOUNTED}
ORDER BY run_id, start_time DESC, step_id DESC
LIMIT {max_calls:UInt32} BY run_id`;

function toolsOf(calls: readonly SequencedCall[]): string {
  return [...new Set(calls.map(({ tool }) => tool))].join(", ");
}
