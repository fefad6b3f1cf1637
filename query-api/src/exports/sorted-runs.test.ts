import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BundleRun, createRunFacts, type RunledgerRecord } from "@runledger/contract";
import { expect, test } from "vitest";
import { recordOf } from "../testing/small-log.ts";
import { at, llmRow } from "../testing/step-rows.ts";
import { createSortedRuns } from "./sorted-runs.ts";

const RULES = { ofSeveral: true, sums: 2 } as const;
/** So little that nearly each record is a file, and files are merged again and again. */
const TIGHT = { maxHeldChars: 1_000, maxFiles: 3 };

test.each([
  ["in memory", undefined],
  ["in files", TIGHT],
])("runs sorted %s are those that a verifier makes of all at once", async (_, limits) => {
  const directory = await mkdtemp(join(tmpdir(), "sorted-runs-"));
  try {
    const facts = createRunFacts(Buffer.alloc(16, 1), RULES);
    const runs = createSortedRuns(directory, RULES, limits);
    for (const shard of ["a", "b"])
      for (const [index, record] of records(shard).entries()) {
        facts.add(index, record, shard);
        await runs.add(shard, index, record);
      }
    expect(await readdir(directory)).toHaveLength(limits === undefined ? 0 : 4); // of 110, each of three before
    const sorted: BundleRun[] = [];
    for await (const run of runs.all()) sorted.push(run);
    expect(sorted).toEqual([...facts.runs()]);
    expect(sorted).toHaveLength(IDS.length);
    expect(sorted.every(({ logs }) => logs?.length === 2)).toBe(true);
  } finally {
    await rm(directory, { recursive: true });
  }
});

/** UTF-16's order is another than that of UTF-8's bytes; a tab is what ends a key in a file. */
const IDS = ["b", "ab", "a", "a\tz", "a\nz", "\u{1f600}", "\uffee", "", "ä", "z\u2028"];

function records(shard: string): RunledgerRecord[] {
  return Array.from({ length: 60 }, (_, i) => {
    const row = llmRow(IDS[(i * 7) % IDS.length] ?? "", `${shard} ${i}`);
    const { run, ...record } = recordOf(row, { received_time: at(i % 5), end_time: at(i), run_seq: i });
    const facts = {
      ...record,
      operation: i % 4 === 0 ? "embeddings" : "chat",
      status: i % 5 === 0 ? "error" : "ok",
      root: i % 6 === 0,
      run: { ...run, agent_name: `agent ${shard} ${i}`, user_id: i < 30 ? null : "u" },
      // Sums of doubles depend on their order.
      llm: {
        request_model: "m",
        response_model: `m${i}`,
        counted: i % 7 > 0,
        output_tokens: null,
        input_tokens: 2 ** 53 - i,
      },
      cost: i % 8 === 0 ? null : { usd: "0.000000001" },
      tool: i % 9 === 0 ? { name: `tool ${i}` } : null,
      end: i < 50 ? null : { status: "failed", outcome: `o${i}`, reason: null, records: 99 },
    };
    return facts as unknown as RunledgerRecord;
  });
}
