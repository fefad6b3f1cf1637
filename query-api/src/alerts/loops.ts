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

const loopRow = z.object({
  run_id: z.string(),
  tool_name: z.string(),
  calls: z.coerce.number().int(),
  first_time: clickhouseTime,
  step_ids: z.array(z.string()),
});

/** `loop.repeat`: of each run the call that was made most often with the very same arguments; twins are one, and inferred ones are calls. */
export async function detectLoops(question: DetectorQuestion): Promise<Finding[]> {
  const rule = ruleIn(question.rules, "loop.repeat");
  if (rule === null) return [];
  const sql = `
SELECT run_id, tool_name, count() AS calls, toString(min(start_time)) AS first_time,
  arrayMap(call -> toString(call.2), arraySlice(arraySort(groupArray((start_time, step_id))), -{shown:Int64})) AS step_ids
FROM all_steps
WHERE ${WITHIN_BOUNDS} AND kind = 'tool' AND arguments_sha256 != '' AND NOT conflict
  AND ${NOT_UNCOUNTED}
GROUP BY run_id, tool_name, arguments_sha256
HAVING calls >= {threshold:UInt64}
ORDER BY run_id, calls DESC, tool_name, arguments_sha256
LIMIT 1 BY run_id`;
  const found = await question.rows.query<object>(sql, {
    ...boundsOf(question),
    threshold: rule.threshold,
    shown: MAX_STEPS_SHOWN,
  });
  return found.flatMap((row) => {
    const { run_id, tool_name, calls, first_time, step_ids } = loopRow.parse(row);
    const run = question.runs.get(run_id)?.run;
    if (run === undefined) return [];
    const what = `calls ${tool_name} with the same arguments again and again: ${calls} times`;
    return [
      { rule: "loop.repeat", run, value: calls, threshold: rule.threshold, what, stepIds: step_ids, since: first_time },
    ];
  });
}
