import { MAX_FINISH_REASONS } from "@runledger/contract";
import type { Rows } from "@runledger/storage";
import { shortName, shortText } from "../http/short-columns.ts";
import type { ReceivedBounds } from "../runs/run-view.ts";

/** No row of today has longer ones; those of before are left to the record itself. */
const MAX_FACTS_BYTES = 65_536;

const NAMES = [
  ...["parent_id", "operation", "name", "error_type", "provider", "request_model", "response_model", "response_id"],
  ...["tool_name", "tool_call_id", "tool_requested_by", "idempotency_key"],
];
const COLUMNS = `
  run_id, step_id, kind, start_time, latency_ms, status, record_id, conflict,
  ${NAMES.map((name) => `${shortName(`t.${name}`)} AS ${name}`).join(", ")}, ${shortText("t.error_message")} AS error_message,
  input_preview, output_preview, run_seq, system_prompt_sha256, prompt_sha256, tools_sha256,
  arrayMap(reason -> ${shortName("reason")}, arraySlice(t.finish_reasons, 1, ${MAX_FINISH_REASONS})) AS finish_reasons, input_tokens, output_tokens,
  cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_usd, price_table, price_version,
  time_to_first_token_ms, streaming, context_window, llm_counted, shown_by, result_in, arguments_sha256, result_sha256,
  result_bytes, attempt, tool_known, tool_valid, tool_inferred, if(length(t.agent_facts) > ${MAX_FACTS_BYTES}, '', t.agent_facts) AS agent_facts`;

/** The order of a run's steps. A step the SDK did not number comes after those it did, at the same time. */
const PLACE = `toUnixTimestamp64Nano(start_time), ifNull(run_seq, 18446744073709551615), step_id, record_id`;

const OF_RUNS = `tenant = {tenant:String} AND run_id IN {run_ids:Array(String)}
  AND received_time BETWEEN fromUnixTimestamp64Nano({first_ns:Int64}) AND fromUnixTimestamp64Nano({last_ns:Int64})`;

export interface StepQuestion {
  tenant: string;
  runIds: readonly string[];
  received: ReceivedBounds;
  limit: number;
  /** The place of the last step of the page before. */
  after?: readonly string[];
  stepId?: string;
  recordIds?: readonly string[];
  /** Only those received after this one (epoch ns, then record id); they come in that order. */
  receivedAfter?: { ns: string; recordId: string };
  notRecordIds?: readonly string[];
}

/** The records of a run as a whole, as `querySteps` answers steps, by their beginning. `seq` is 0: they are no steps. */
export async function queryRoots(
  rows: Rows,
  {
    tenant,
    runIds,
    received,
    limit,
    stepId,
    recordIds,
  }: Omit<StepQuestion, "after" | "receivedAfter" | "notRecordIds">,
): Promise<SteppedRow[]> {
  const sql = `
SELECT * REPLACE (toString(start_time) AS start_time, toString(cost_usd) AS cost_usd), 0 AS seq, '' AS same_call_as, '' AS same_call_in
FROM (
  SELECT ${COLUMNS}, row_number() OVER (ORDER BY ${PLACE}) AS nth
  FROM (SELECT *, '' AS shown_by, '' AS result_in FROM steps WHERE event = 'run_end') AS t
  WHERE ${OF_RUNS}
    ${stepId === undefined ? "" : "AND step_id = {step_id:String}"}
    ${recordIds === undefined ? "" : "AND record_id IN {record_ids:Array(String)}"}
)
ORDER BY nth LIMIT {page:UInt32}`;
  return await rows.query<SteppedRow>(sql, {
    tenant,
    run_ids: runIds,
    first_ns: received.firstNs,
    last_ns: received.lastNs,
    page: limit,
    ...(stepId === undefined ? {} : { step_id: stepId }),
    ...(recordIds === undefined ? {} : { record_ids: recordIds }),
  });
}

/** A row is as StepRow has it, with `seq`, its place in its run from 1, and `place`, what `after` takes. */
export type SteppedRow = Record<string, unknown>;

/** Steps in order. `seq` is counted over the whole run, whatever part of it is asked for. */
export async function querySteps(rows: Rows, question: StepQuestion): Promise<SteppedRow[]> {
  const conditions: string[] = [];
  if (question.after) {
    conditions.push(
      `(start_ns, seq_in_run, step_id, steps.record_id) > ({after_ns:Int64}, {after_seq:UInt64}, {after_step:String}, {after_record:String})`,
    );
  }
  if (question.stepId !== undefined) conditions.push("step_id = {step_id:String}");
  if (question.receivedAfter) {
    conditions.push("(received_ns, steps.record_id) > ({received_after:Int64}, {received_after_record:String})");
  }
  if (question.notRecordIds) conditions.push("steps.record_id NOT IN {not_record_ids:Array(String)}");
  if (question.recordIds) conditions.push("steps.record_id IN {record_ids:Array(String)}");
  const [after_ns, after_seq, after_step, after_record] = question.after ?? [];
  // The narrow columns of the whole run say which steps these are and where they stand; only theirs are read whole.
  const sql = `
WITH page AS (
  SELECT record_id AS listed_id, seq, start_ns, received_ns, seq_in_run
  FROM (
    SELECT run_id, step_id, record_id, row_number() OVER (PARTITION BY run_id ORDER BY ${PLACE}) AS seq,
      toUnixTimestamp64Nano(start_time) AS start_ns, toUnixTimestamp64Nano(received_time) AS received_ns,
      ifNull(run_seq, 18446744073709551615) AS seq_in_run
    FROM all_steps
    WHERE ${OF_RUNS}
  ) AS steps
  ${conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`}
  ORDER BY ${question.receivedAfter === undefined ? "run_id, seq" : "received_ns, record_id"}
  LIMIT {page:UInt32}
)
SELECT steps.* REPLACE (toString(start_time) AS start_time, toString(cost_usd) AS cost_usd), page.seq AS seq, page.received_ns AS received_ns, twins.same_call_as AS same_call_as, twins.same_call_in AS same_call_in,
  [toString(page.start_ns), toString(page.seq_in_run), toString(steps.step_id), toString(steps.record_id)] AS place
FROM (SELECT ${COLUMNS} FROM all_steps AS t WHERE ${OF_RUNS} AND record_id IN (SELECT listed_id FROM page)) AS steps
ANY INNER JOIN page ON page.listed_id = steps.record_id
LEFT ANY JOIN (
  SELECT record_id AS uncounted_id, same_call_as, same_call_in FROM corrections FINAL
  WHERE tenant = {tenant:String} AND run_id IN {run_ids:Array(String)} AND in_force AND what = 'uncounted'
) AS twins ON twins.uncounted_id = steps.record_id
ORDER BY ${question.receivedAfter === undefined ? "steps.run_id, page.seq" : "page.received_ns, steps.record_id"}`;
  return await rows.query<SteppedRow>(sql, {
    tenant: question.tenant,
    run_ids: question.runIds,
    first_ns: question.received.firstNs,
    last_ns: question.received.lastNs,
    page: question.limit,
    ...(question.after ? { after_ns, after_seq, after_step, after_record } : {}),
    ...(question.stepId === undefined ? {} : { step_id: question.stepId }),
    ...(question.receivedAfter
      ? { received_after: question.receivedAfter.ns, received_after_record: question.receivedAfter.recordId }
      : {}),
    ...(question.notRecordIds ? { not_record_ids: question.notRecordIds } : {}),
    ...(question.recordIds ? { record_ids: question.recordIds } : {}),
  });
}
