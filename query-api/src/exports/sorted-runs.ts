import {
  addToRun,
  type BundleRun,
  type CountingRules,
  finishedRun,
  isOfRun,
  openRun,
  type PlacedEntry,
  type RunEntry,
  type RunledgerRecord,
} from "@runledger/contract";
import { createSortedLines, type SortingLimits } from "./sorted-lines.ts";

/** The runs of a bundle's entries. What they are made of is sorted by run, so that one run at a time is in memory, however many there are. */
export interface SortedRuns {
  /** In the bundle's order. `shard`: of the log that the index is of. */
  add(shard: string, index: number, record: RunledgerRecord): Promise<void>;
  /** Ordered by run id. Once, after the last was added. */
  all(): AsyncGenerator<BundleRun>;
}

/** @param directory for files while it sorts: some 600 bytes an entry. The caller removes it. */
export function createSortedRuns(directory: string, rules: CountingRules, limits?: SortingLimits): SortedRuns {
  const lines = createSortedLines(directory, limits);
  return {
    async add(shard, index, record) {
      if (!isOfRun(record)) return;
      const placed: PlacedEntry = { index, shard, entry: entryOf(record) };
      // Hex has the order of the bytes of UTF-8, as runs have.
      await lines.add(Buffer.from(record.run_id).toString("hex"), JSON.stringify(placed));
    },
    async *all() {
      let run: ReturnType<typeof openRun> | null = null;
      for await (const line of lines.all()) {
        const placed: PlacedEntry = JSON.parse(line);
        if (run !== null && run.facts.run_id !== placed.entry.run_id) {
          yield finishedRun(run, rules);
          run = null;
        }
        run ??= openRun(placed, rules);
        addToRun(run, placed, rules);
      }
      if (run !== null) yield finishedRun(run, rules);
    },
  };
}

function entryOf(record: RunledgerRecord): RunEntry {
  const { event, run_id, run_seq, start_time, end_time, received_time, status, kind, operation, root } = record;
  const { agent_name, agent_version, task_id, task_type, session_id, user_id } = record.run;
  const { llm, tool, cost, end } = record;
  return {
    ...{ event, run_id, run_seq, start_time, end_time, received_time, status, kind, operation, root, end },
    run: { agent_name, agent_version, task_id, task_type, session_id, user_id },
    llm: llm && callOf(llm),
    tool: tool && { name: tool.name },
    cost: cost && { usd: cost.usd },
  };
}

function callOf(llm: NonNullable<RunledgerRecord["llm"]>): RunEntry["llm"] {
  const { request_model, response_model, counted, input_tokens, output_tokens } = llm;
  return { request_model, response_model, counted, input_tokens, output_tokens };
}
