import { parameterLists, type Rows } from "@runledger/storage";
import { sumUpCorrections } from "../resolve/correction-writer.ts";
import { type Place, type Placed, placesOf, WITHIN } from "./other-journals.ts";

/**
 * Of these records, just inserted, takes out what another collector inserted at the same moment: whoever of the two is later sees both. The row
 * of the smallest journal stays, whoever looks; of each other one a correction tells what it added to the sums, and then the row goes. All of it may
 * be done again, by both at once too: the corrections have one key, and what is gone stays gone. A crash in between leaves the rows to be found by
 * the batch that goes again. @returns how many rows were taken out.
 */
export async function takeOutRepeats(rows: Rows, inserted: readonly Placed[]): Promise<number> {
  let taken = 0;
  for (const place of placesOf(inserted)) {
    const repeated = await rows.query<{ record_id: string; run_id: string; others: number }>(
      `SELECT record_id, run_id, toUInt32(count() - 1) AS others FROM steps WHERE ${WITHIN} AND journal != ''
       GROUP BY record_id, run_id HAVING count() > 1`,
      { ...place },
    );
    if (repeated.length === 0) continue;
    taken += repeated.reduce((sum, { others }) => sum + others, 0);
    const run_ids = [...new Set(repeated.map(({ run_id }) => run_id))];
    await takeOut(rows, { ...place, run_ids, ids: repeated.map(({ record_id }) => record_id) });
  }
  return taken;
}

async function takeOut(rows: Rows, place: Place): Promise<void> {
  await rows.command(CORRECT, place);
  for (const run_ids of parameterLists(place.run_ids)) await sumUpCorrections(rows, place.tenant, run_ids);
  // A crash here: found again, and corrected to the same.
  await rows.command(`DELETE FROM steps WHERE ${IS_REPEATED} SETTINGS lightweight_deletes_sync = 2`, place);
}

const IS_REPEATED = `${WITHIN} AND journal != '' AND (record_id, journal) NOT IN (
  SELECT record_id, min(journal) FROM steps WHERE ${WITHIN} AND journal != '' GROUP BY record_id)`;

/** What the views of `steps` made of the row, negative. */
const CORRECT = `
INSERT INTO corrections (tenant, run_id, record_id, what, in_force, version, step_id, kind, name, trace_id, parent_id, dialect, scope_name,
  start_time, end_time, received_time, task_type, agent_name, model, tool_name, steps, llm_calls, llm_errors, tool_calls, tool_errors, tool_outcome_missing,
  input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, usage_missing, input_missing, output_missing,
  cost_usd, cost_missing, records, numbered_records, guardrails, guardrail_rejections)
WITH event = 'step' AS is_step, status = 'error' AS failed
SELECT tenant, run_id, concat(record_id, ':', journal), 'repeated', true, 1, step_id, kind, name, trace_id, parent_id, dialect, scope_name,
  start_time, end_time, received_time, task_type, agent_name, if(response_model != '', response_model, request_model), tool_name,
  -toInt64(is_step), -toInt64(llm_counted), -toInt64(llm_counted AND failed),
  -toInt64(is_step AND kind = 'tool'), -toInt64(is_step AND kind = 'tool' AND failed),
  -toInt64(is_step AND kind = 'tool' AND tool_inferred AND result_sha256 = '' AND NOT failed),
  -if(llm_counted, toInt64(ifNull(input_tokens, 0)), 0), -if(llm_counted, toInt64(ifNull(output_tokens, 0)), 0),
  -if(llm_counted, toInt64(ifNull(cache_read_tokens, 0)), 0), -if(llm_counted, toInt64(ifNull(cache_write_tokens, 0)), 0),
  -if(llm_counted, toInt64(ifNull(reasoning_tokens, 0)), 0),
  -toInt64(llm_counted AND NOT failed AND input_tokens IS NULL AND output_tokens IS NULL),
  -toInt64(llm_counted AND NOT failed AND input_tokens IS NULL),
  -toInt64(llm_counted AND NOT failed AND output_tokens IS NULL AND operation != 'embeddings'),
  if(llm_counted, -ifNull(cost_usd, toDecimal128(0, 9)), toDecimal128(0, 9)), -toInt64(llm_counted AND NOT failed AND cost_usd IS NULL),
  -1, -toInt64(run_seq IS NOT NULL AND NOT conflict), -toInt64(is_step AND kind = 'guardrail'), -toInt64(is_step AND kind = 'guardrail' AND failed)
FROM steps WHERE ${IS_REPEATED}`;
