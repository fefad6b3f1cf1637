import { GEN_AI, type Step } from "@runledger/contract";
import type { Rows } from "@runledger/storage";
import { z } from "zod";
import type { ReceivedBounds } from "../runs/run-view.ts";

const summary = z.object({
  step_id: z.string(),
  system_prompt_sha256: z.string(),
  prompt_sha256: z.string(),
  tools_sha256: z.string(),
  finish_reasons: z.array(z.string()),
  input_preview: z.string(),
  output_preview: z.string(),
});
type Summary = z.infer<typeof summary>;

/** The only value, '' when there is none or several: the hash of a part is not that of the whole. */
const only = (column: string) =>
  `if(uniqExactIf(${column}, ${column} != '') = 1, anyIf(${column}, ${column} != ''), '') AS ${column}`;

const OF_THESE = `tenant = {tenant:String} AND run_id IN {run_ids:Array(String)} AND event = 'log' AND kind = 'llm'
    AND step_id IN {step_ids:Array(String)}
    AND received_time BETWEEN fromUnixTimestamp64Nano({first_ns:Int64}) AND fromUnixTimestamp64Nano({last_ns:Int64})`;

/**
 * Steps that are model calls, filled with what only the log records of their spans know of their content: hashes, finish reasons, previews.
 * Messages of one moment are in the order of the audit log. A prompt that came as an event a message has no hash here. At most one query; none when the steps know all.
 */
export async function fillFromLogs(
  rows: Rows,
  { tenant, runIds, received }: { tenant: string; runIds: readonly string[]; received: ReceivedBounds },
  steps: readonly Step[],
): Promise<Step[]> {
  const lacking = steps.filter(({ llm }) => llm !== null && llm.prompt_sha256 === null).map(({ step_id }) => step_id);
  if (lacking.length === 0) return [...steps];
  const sql = `
SELECT step_id, ${only("system_prompt_sha256")}, if(countIf(prompt_sha256 != '') = 1, max(prompt_sha256), '') AS prompt_sha256, ${only("tools_sha256")},
  if(countIf(name = {details:String}) > 0, argMaxIf(finish_reasons, start_time, name = {details:String}),
    arrayFlatten(arrayMap(one -> one.3, arraySort(groupArray((start_time, place, finish_reasons)))))) AS finish_reasons,
  argMaxIf(input_preview, (start_time, place), input_preview != '') AS input_preview,
  argMinIf(output_preview, (start_time, place), output_preview != '') AS output_preview
FROM steps
LEFT JOIN (
  SELECT record_id, min(log_index) AS place FROM log_entries
  WHERE tenant = {tenant:String} AND record_id IN (SELECT record_id FROM steps WHERE ${OF_THESE}) GROUP BY record_id
) AS logged USING record_id
WHERE ${OF_THESE}
GROUP BY step_id`;
  const found = await rows.query<object>(sql, {
    tenant,
    run_ids: runIds,
    step_ids: lacking,
    details: GEN_AI.detailsEvent,
    first_ns: received.firstNs,
    last_ns: received.lastNs,
  });
  const known = new Map(
    z
      .array(summary)
      .parse(found)
      .map((one) => [one.step_id, one]),
  );
  return steps.map((step) => filled(step, known.get(step.step_id)));
}

function filled(step: Step, known: Summary | undefined): Step {
  if (known === undefined || step.llm === null) return step;
  const { llm } = step;
  return {
    ...step,
    input_preview: step.input_preview || known.input_preview,
    output_preview: step.output_preview || known.output_preview,
    llm: {
      ...llm,
      system_prompt_sha256: llm.system_prompt_sha256 ?? (known.system_prompt_sha256 || null),
      prompt_sha256: llm.prompt_sha256 ?? (known.prompt_sha256 || null),
      tools_sha256: llm.tools_sha256 ?? (known.tools_sha256 || null),
      finish_reasons: llm.finish_reasons.length > 0 ? llm.finish_reasons : known.finish_reasons,
    },
  };
}
