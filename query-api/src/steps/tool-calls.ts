import { isOutcomeUnknown, type RunDetail } from "@runledger/contract";
import type { Rows } from "@runledger/storage";
import { z } from "zod";
import { shortName, shortText } from "../http/short-columns.ts";
import type { SummarizedRun } from "../runs/run-summaries.ts";

/** A run with more tool calls than this shows the first ones; all are among its steps. */
const MAX_TOOL_CALLS = 10_000;

const toolCallRow = z.object({
  step_id: z.string(),
  tool_name: z.string(),
  latency_ms: z.number(),
  status: z.string(),
  attempt: z.coerce.number().nullable(),
  error_type: z.string(),
  error_message: z.string(),
  tool_inferred: z.boolean(),
  result_sha256: z.string(),
});

/** The tool calls of a run, in the order of its steps. */
export async function queryToolCalls(
  rows: Rows,
  tenant: string,
  { run, received }: SummarizedRun,
): Promise<RunDetail["tool_calls"]> {
  const sql = `
SELECT step_id, ${shortName("t.tool_name")} AS tool_name, latency_ms, status, attempt, ${shortName("t.error_type")} AS error_type,
  ${shortText("t.error_message")} AS error_message, tool_inferred, result_sha256
FROM all_steps AS t
WHERE tenant = {tenant:String} AND run_id = {run_id:String} AND kind = 'tool'
  AND record_id NOT IN (SELECT record_id FROM corrections FINAL
    WHERE tenant = {tenant:String} AND run_id = {run_id:String} AND in_force AND what = 'uncounted')
  AND received_time BETWEEN fromUnixTimestamp64Nano({first_ns:Int64}) AND fromUnixTimestamp64Nano({last_ns:Int64})
ORDER BY start_time, ifNull(run_seq, 18446744073709551615), step_id, record_id
LIMIT {max:UInt32}`;
  const found = await rows.query<object>(sql, {
    tenant,
    run_id: run.run_id,
    first_ns: received.firstNs,
    last_ns: received.lastNs,
    max: MAX_TOOL_CALLS,
  });
  return found.map((row) => {
    const call = toolCallRow.parse(row);
    const failed = call.status === "error";
    return {
      step_id: call.step_id,
      tool: call.tool_name,
      latency_ms: call.tool_inferred ? null : call.latency_ms,
      success: isOutcomeUnknown({ ...call, inferred: call.tool_inferred }) ? null : !failed,
      attempt: call.attempt,
      error: failed ? { type: call.error_type || "error", message: call.error_message || null } : null,
    };
  });
}
