import { createHash } from "node:crypto";
import { parameterLists, type Rows } from "@runledger/storage";
import { covers, type Finding } from "./findings.ts";
import type { RunRows, StandingRow } from "./run-rows.ts";

const ROWS_PER_INSERT = 10_000;
const VARIANTS = 0x1_0000;

/** Writes what of this does not stand, and takes back what stands and is not true (any more). @returns the ids of the runs it concerns. */
export async function writeCorrections(
  rows: Rows,
  { corrections }: Pick<Finding, "corrections">,
  standing: readonly StandingRow[],
): Promise<Set<string>> {
  const newest = new Map(standing.map((row) => [keyOf(row), row]));
  const wanted = new Set(corrections.map(keyOf));
  const changed = corrections.flatMap((row) => {
    const known = newest.get(keyOf(row));
    if (known?.in_force && known.content_sha256 === row.content_sha256) return [];
    return [{ ...row, in_force: true, version: nextVersion(known, row.content_sha256) }];
  });
  const untrue = standing
    .filter((row) => row.in_force && row.what !== "repeated" && !wanted.has(keyOf(row)))
    .map((row) => ({ ...row, in_force: false, version: nextVersion(row, "0000") }));
  await insert(rows, changed);
  await insert(rows, untrue);
  return new Set([...changed, ...untrue].map(({ run_id }) => run_id));
}

/** What stands of that which a finding covers. */
export async function standingOf(runRows: RunRows, tenant: string, finding: Finding): Promise<StandingRow[]> {
  const whole = [...finding.covers].filter(([, part]) => part === "all").map(([runId]) => runId);
  const found = whole.length === 0 ? [] : await runRows.standing(tenant, whole);
  for (const [runId, part] of finding.covers) {
    if (part === "all" || part.recordIds.size === 0) continue;
    const between = await runRows.standingBetween(tenant, runId, part.from, part.to);
    found.push(...between.filter((row) => covers(finding, row)));
  }
  return found;
}

/** Brings the sums of these runs up to their corrections. Again is harmless: the newest stands. */
export async function sumUpCorrections(rows: Rows, tenant: string, runIds: readonly string[]): Promise<void> {
  for (const run_ids of parameterLists(runIds)) await rows.command(SUM_UP, { tenant, run_ids });
}

/** Later ones are greater; and two that differ are never equal by accident, though they were written at once. */
function nextVersion(known: StandingRow | undefined, contentSha256: string): number {
  return (Math.floor((known?.version ?? 0) / VARIANTS) + 1) * VARIANTS + Number.parseInt(contentSha256.slice(0, 4), 16);
}

async function insert(rows: Rows, changed: readonly object[]): Promise<void> {
  for (let first = 0; first < changed.length; first += ROWS_PER_INSERT) {
    const some = changed.slice(first, first + ROWS_PER_INSERT);
    const token = createHash("sha256").update(JSON.stringify(some)).digest("hex");
    await rows.insert("corrections", some, token);
  }
}

function keyOf({ run_id, record_id }: { run_id: string; record_id: string }): string {
  return `${run_id}\n${record_id}`;
}

const SUM_UP = `
INSERT INTO run_corrections (tenant, run_id, version, received_time, steps, llm_calls, tool_calls, tool_errors, tool_outcome_missing, input_tokens, output_tokens,
  cache_read_tokens, cache_write_tokens, reasoning_tokens, usage_missing, input_missing, output_missing, cost_usd, cost_missing, tools, records,
  numbered_records, guardrails, guardrail_rejections)
SELECT tenant, run_id, sum(version), max(received_time), sumIf(steps, in_force), sumIf(llm_calls, in_force), sumIf(tool_calls, in_force),
  sumIf(tool_errors, in_force), sumIf(tool_outcome_missing, in_force), sumIf(input_tokens, in_force), sumIf(output_tokens, in_force), sumIf(cache_read_tokens, in_force),
  sumIf(cache_write_tokens, in_force), sumIf(reasoning_tokens, in_force), sumIf(usage_missing, in_force),
  sumIf(input_missing, in_force), sumIf(output_missing, in_force), sumIf(cost_usd, in_force),
  sumIf(cost_missing, in_force), groupUniqArrayIf(tool_name::String, in_force AND what = 'inferred'),
  sumIf(records, in_force), sumIf(numbered_records, in_force), sumIf(guardrails, in_force), sumIf(guardrail_rejections, in_force)
FROM corrections FINAL
WHERE tenant = {tenant:String} AND run_id IN {run_ids:Array(String)}
GROUP BY tenant, run_id`;
