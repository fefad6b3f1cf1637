import { MAX_MISSING_PARENTS, MAX_RUN_GAPS, type RunDetail } from "@runledger/contract";
import type { Rows } from "@runledger/storage";
import { z } from "zod";
import type { SummarizedRun } from "./run-summaries.ts";

type Completeness = Pick<RunDetail, "complete" | "missing_parents" | "numbered" | "gaps">;

/**
 * Whether all of a run is here, and what is not. Where its records are numbered their numbers decide, up to the one that its end commits to; else, once it is
 * over, its root must be here and every span that any of its records names as its parent. While it runs only gaps below its last record are told: what is
 * after it, and parents, come later.
 */
export async function completenessOf(rows: Rows, tenant: string, summary: SummarizedRun): Promise<Completeness> {
  const { run, received } = summary;
  const bounds = { tenant, run_id: run.run_id, first_ns: received.firstNs, last_ns: received.lastNs };
  const { numbered, gaps } = await gapsOf(rows, bounds, run.records_expected);
  if (run.records_expected !== null)
    return { complete: run.complete === true && gaps.length === 0, missing_parents: [], numbered, gaps };
  if (run.status === "running") return { complete: run.complete, missing_parents: [], numbered, gaps };
  const [row] = await rows.query<object>(PARENTS, { ...bounds, max: MAX_MISSING_PARENTS });
  const { has_root, missing } = parents.parse(row);
  return { complete: has_root && missing.length === 0 && gaps.length === 0, missing_parents: missing, numbered, gaps };
}

type Gap = Completeness["gaps"][number];

async function gapsOf(
  rows: Rows,
  bounds: Record<string, string>,
  expected: number | null,
): Promise<{ numbered: boolean; gaps: Gap[] }> {
  const found = await rows.query<object>(NUMBERS, { ...bounds, expected, max: MAX_RUN_GAPS });
  const { numbered, next, missing, forks } = numbers.parse(found[0]);
  if (!numbered) return { numbered, gaps: [] };
  const gaps: Gap[] = missing.map(([first, last]) => ({ kind: "missing", first, last }));
  if (expected !== null && next < expected) gaps.push({ kind: "missing", first: next, last: expected - 1 });
  if (expected !== null && next > expected) gaps.push({ kind: "beyond_end", first: expected, last: next - 1 });
  gaps.push(...forks.map((number): Gap => ({ kind: "fork", first: number, last: number })));
  return { numbered, gaps: gaps.slice(0, MAX_RUN_GAPS) };
}

const number = z.coerce.number();
const numbers = z.object({
  numbered: z.coerce.boolean(),
  next: number,
  missing: z.array(z.tuple([number, number])),
  forks: z.array(number),
});
const parents = z.object({ has_root: z.coerce.boolean(), missing: z.array(z.string()) });

/** Log records have no place in the tree of spans, and no numbers. */
const OF_RUN = `tenant = {tenant:String} AND run_id = {run_id:String} AND event != 'log'
  AND received_time BETWEEN fromUnixTimestamp64Nano({first_ns:Int64}) AND fromUnixTimestamp64Nano({last_ns:Int64})`;
const PARENTS = `
SELECT max(root OR event = 'run_end') AS has_root,
  arraySlice(arraySort(groupUniqArrayIf(parent_id, parent_id != '' AND parent_id NOT IN (SELECT step_id FROM steps WHERE ${OF_RUN}))), 1, {max:UInt32}) AS missing
FROM steps WHERE ${OF_RUN}`;
/** `next`: the greatest number plus one. A number is compared with the one before it. */
const NUMBERS = `
SELECT count() > 0 AS numbered, max(number) + 1 AS next,
  arraySlice(arraySort(groupArrayIf((toUInt64(before + 1), toUInt64(number - 1)), number > before + 1)), 1, {max:UInt32}) AS missing,
  arraySlice(arraySort(groupArrayIf(toUInt64(number), ids > 1)), 1, {max:UInt32}) AS forks
FROM (
  SELECT number, ids, lagInFrame(number, 1, toInt64(-1)) OVER (ORDER BY number ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS before
  FROM (SELECT toInt64(assumeNotNull(run_seq)) AS number, uniqExact(record_id) AS ids FROM steps WHERE ${OF_RUN} AND run_seq IS NOT NULL GROUP BY number)
)`;
