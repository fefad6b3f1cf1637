import { MAX_RUN_ROOTS, type RunDetail } from "@runledger/contract";
import type { Rows } from "@runledger/storage";
import { queryRoots } from "../steps/step-query.ts";
import { stepFromRow } from "../steps/step-view.ts";
import type { SummarizedRun } from "./run-summaries.ts";

/** What the records of the run as a whole tell in short. */
export async function rootsOf(
  rows: Rows,
  tenant: string,
  { run, received }: SummarizedRun,
): Promise<RunDetail["roots"]> {
  const found = await queryRoots(rows, { tenant, runIds: [run.run_id], received, limit: MAX_RUN_ROOTS });
  return found.map((row) => {
    const { step_id, record_id, name, error, input_preview, output_preview } = stepFromRow(row);
    const status = error === null ? "ok" : "error";
    return { step_id, record_id, name, status, error, input_preview, output_preview };
  });
}
