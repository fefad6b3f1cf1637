import type { Run } from "@runledger/contract";
import { parameterLists, type Rows } from "@runledger/storage";
import { RUN_COLUMNS, runSummaryParameters, runSummarySql, type SilenceSettings } from "./run-summary.ts";
import { type ReceivedBounds, runFromRow } from "./run-view.ts";

export interface SummarizedRun {
  run: Run;
  received: ReceivedBounds;
}

/** Runs of a tenant by their ids, as they stand at a moment. */
export interface RunSummaries {
  /** Runs that are not there are left out. `asOfMs`: epoch ms, now when left out. */
  byId(tenant: string, runIds: readonly string[], asOfMs?: number): Promise<Map<string, SummarizedRun>>;
}

export function createRunSummaries(rows: Rows, clock: () => number, settings: SilenceSettings): RunSummaries {
  return {
    async byId(tenant, runIds, asOfMs = clock()) {
      const sql = `SELECT ${RUN_COLUMNS} FROM (${runSummarySql("AND run_id IN {run_ids:Array(String)}")}) AS t`;
      const parameters = runSummaryParameters(tenant, asOfMs, settings);
      const summarized = new Map<string, SummarizedRun>();
      for (const run_ids of parameterLists(runIds)) {
        const found = await rows.query<object>(sql, { ...parameters, run_ids });
        for (const one of found.map(runFromRow)) summarized.set(one.run.run_id, one);
      }
      return summarized;
    },
  };
}
