import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StepRow } from "@runledger/contract";
import { migrate, openRows, type Rows, startEmbeddedClickHouse } from "@runledger/storage";
import { createResolver } from "./resolver.ts";

export interface Sums {
  steps: number;
  llm_calls: number;
  tool_calls: number;
  /** Tool calls of which nobody told how they went. */
  unknown: number;
  tokens: number | null;
  missing: number;
  missingIn: number;
  missingOut: number;
  cost: string | null;
  tools: string[];
}

export const INNER = { scope_name: "inner", cost_usd: "0.25" };

/** A ClickHouse of its own, and what the tests of the resolver put into it and ask of it. */
export interface ResolverStage {
  rows: Rows;
  insert(batch: readonly StepRow[]): Promise<void>;
  /** Inserts and looks, as the metrics sink does. */
  arrive(...batch: StepRow[]): Promise<void>;
  /** The same sums as `runs` has them corrected, as the rollup and its corrections give them, and the number of steps shown. */
  sumsOf(runId: string): Promise<Sums>;
  /** The run's sums as usage_parts has them: its agent is named as the run. */
  usageOf(agent: string): Promise<Partial<Sums>>;
  close(): Promise<void>;
}

const logger = { info() {}, warn() {}, error() {} };

export async function openResolverStage(): Promise<ResolverStage> {
  const dir = await mkdtemp(join(tmpdir(), "runledger-resolve-"));
  const server = await startEmbeddedClickHouse({ dir, logger });
  const rows = openRows(server.url);
  await migrate(rows, { retentionDays: 400 });
  let inserts = 0;
  const insert = (batch: readonly StepRow[]) => rows.insert("steps", batch, `test ${++inserts}`);
  return {
    rows,
    insert,
    async arrive(...batch) {
      await insert(batch);
      await createResolver(rows).rowsInserted(batch);
    },
    async sumsOf(runId) {
      const [ofRun] = await rows.query<Sums>(SUMS, { run_id: runId });
      if (ofRun === undefined) throw new Error(`no run ${runId}`);
      return ofRun;
    },
    usageOf: async (agent) => (await rows.query<Partial<Sums>>(USAGE, { agent }))[0] ?? {},
    async close() {
      await rows.close();
      await server.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

const SUMS = `
SELECT toInt32(runs.steps + more.steps) AS steps, toInt32(runs.llm_calls + more.llm_calls) AS llm_calls,
  toInt32(runs.tool_calls + more.tool_calls) AS tool_calls, toInt32(runs.tool_outcome_missing + more.tool_outcome_missing) AS unknown, toInt32(runs.input_tokens + more.input_tokens) AS tokens,
  toInt32(runs.usage_missing + more.usage_missing) AS missing, toInt32(runs.input_missing + more.input_missing) AS missingIn,
  toInt32(runs.output_missing + more.output_missing) AS missingOut, toString(runs.cost_usd + more.cost_usd) AS cost,
  arraySort(arrayDistinct(arrayConcat(runs.tools, more.tools))) AS tools
FROM (SELECT * FROM runs FINAL WHERE run_id = {run_id:String}) AS runs
LEFT ANY JOIN (SELECT * FROM run_corrections FINAL WHERE run_id = {run_id:String}) AS more USING run_id`;

const USAGE = `
SELECT toInt32(sum(steps)) AS steps, toInt32(sum(llm_calls)) AS llm_calls, toInt32(sum(tool_calls)) AS tool_calls, toInt32(sum(tool_outcome_missing)) AS unknown,
  toInt32(sum(input_tokens)) AS tokens, toInt32(sum(usage_missing)) AS missing,
  toInt32(sum(input_missing)) AS missingIn, toInt32(sum(output_missing)) AS missingOut, toString(sum(cost_usd)) AS cost
FROM usage_parts WHERE agent_name = {agent:String}`;
