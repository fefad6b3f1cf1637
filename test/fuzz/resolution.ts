import { correctionsOfRows } from "@runledger/collector";
import type { StepRow } from "@runledger/contract";

const SUMS = [
  "input_tokens",
  "output_tokens",
  "cache_read_tokens",
  "cache_write_tokens",
  "reasoning_tokens",
] as const satisfies readonly (keyof StepRow)[];

/**
 * What the resolver makes of the rows of a request: the same in whatever order they come, about records that there are, each once, and
 * nothing less than nothing. @throws Error that names the promise that was not kept.
 */
export function checkResolution(rows: readonly StepRow[]): number {
  let corrections = 0;
  for (const [runId, all] of Map.groupBy(rows, ({ run_id }) => run_id)) {
    const ofRun = distinct(all);
    for (const overTime of [null, ofRun[0]?.received_time ?? null]) {
      const found = correctionsOfRows(ofRun, overTime);
      const again = correctionsOfRows(ofRun.toReversed(), overTime);
      if (textOf(found) !== textOf(again))
        throw new Error(`run ${runId}: ${textOf(found)} and, reversed, ${textOf(again)}`);
      checkRecords(ofRun, found);
      checkSums(ofRun, found);
      corrections += found.length;
    }
  }
  return corrections;
}

/** ClickHouse holds a record once. */
function distinct(rows: readonly StepRow[]): StepRow[] {
  return [...new Map(rows.map((row) => [row.record_id, row])).values()];
}

type Corrections = ReturnType<typeof correctionsOfRows>;

function textOf(corrections: Corrections): string {
  return JSON.stringify(
    corrections.toSorted((a, b) => (`${a.what} ${a.record_id}` < `${b.what} ${b.record_id}` ? -1 : 1)),
  );
}

function checkRecords(rows: readonly StepRow[], corrections: Corrections): void {
  const records = new Set(rows.map(({ record_id }) => record_id));
  const corrected = new Set<string>();
  for (const { what, record_id, shown_by } of corrections) {
    if (!records.has(what === "inferred" ? shown_by : record_id))
      throw new Error(`${what}: of a record that is not there`);
    if (corrected.has(record_id)) throw new Error(`${what}: ${record_id} is corrected twice`);
    corrected.add(record_id);
  }
}

/** What is taken back is what was counted, what is filled in was not known, and a call that is inferred is one. */
function checkSums(rows: readonly StepRow[], corrections: Corrections): void {
  const byId = new Map(rows.map((row) => [row.record_id, row]));
  for (const correction of corrections) {
    const { what, record_id, steps, llm_calls, tool_calls } = correction;
    const row = byId.get(record_id);
    const calls = [steps, llm_calls, tool_calls].join();
    const expected =
      what === "inferred" ? "1,0,1" : what === "filled" ? "0,0,0" : row?.kind === "llm" ? "0,-1,0" : "0,0,-1";
    if (calls !== expected) throw new Error(`${what}: steps and calls ${calls}, not ${expected}`);
    for (const column of SUMS) {
      const [before, change] = [row?.[column] ?? null, correction[column]];
      const kept = what === "uncounted" && row?.kind === "llm" ? change === 0 - (before ?? 0) : change === 0;
      if (!kept && !(what === "filled" && before === null && change > 0))
        throw new Error(`${what}: ${column} ${before} by ${change}`);
    }
  }
}
