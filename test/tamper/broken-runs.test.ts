import type { NormalizedFrame } from "@runledger/collector";
import type { RunledgerRecord, StoreVerification } from "@runledger/contract";
import { verifyTarget } from "@runledger/verify";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type BothVerifiers, startBothVerifiers } from "./both-verifiers.ts";
import { createBundleLog, timeAt } from "./bundle-log.ts";
import { frameOf } from "./sample-log.ts";

let verifiers: BothVerifiers;
beforeAll(async () => {
  verifiers = await startBothVerifiers();
});
afterAll(() => verifiers.close());

type Facts = Partial<RunledgerRecord> & { run_seq: number; record_id: string };
const idOf = (run: string, number: number) => Buffer.from(`${run} ${number}`).toString("hex").padEnd(64, "0");

/** What the SDK makes of a run: numbered, chained, and its end commits to the count. */
function runOf(run: string, records: number, { ended = true, second = 0 } = {}): Facts[] {
  return Array.from({ length: records }, (_, i) => ({
    ...{ run_id: run, run_seq: i, record_id: idOf(run, i), received_time: timeAt(second + i) },
    ...{ event: i === 0 ? "run_start" : ended && i === records - 1 ? "run_end" : "step" },
    ...(i === 0 ? {} : { run_prev: idOf(run, i - 1) }),
    ...(ended && i === records - 1 ? { end: { status: "completed", outcome: null, reason: null, records } } : {}),
    step_id: Buffer.from(`${run}${i}`).toString("hex").padStart(16, "0").slice(0, 16),
  })) as Facts[];
}

/** Written as a collector would, verified as the store, as a bundle of all, and as a bundle of the run; in both languages. */
async function verdictsOf(records: readonly Facts[], run = "a") {
  const log = await createBundleLog();
  const sample = frameOf(1, records.length);
  const frame = {
    ...sample,
    records: sample.records.map((one, i) => ({ ...one, content: {}, facts: { ...one.facts, ...records[i] } })),
  } as NormalizedFrame;
  await log.write(frame);
  const keys = [log.store.key.verifierKey];
  const store = (await verifyTarget(log.store.directory, { trust: { verifierKeys: keys } })) as StoreVerification;
  const verdicts = [store.verdict as string];
  const why: unknown[] = [store.findings, store.runs];
  for (const filter of [{}, { run_id: run }]) {
    const both = await verifiers.verify(await log.export(filter as Record<string, string>, { content: false }), {
      keys,
    });
    verdicts.push(both.node, both.python);
    const [node, python] = [both.report.node, both.report.python] as { notes: string[] }[];
    expect(python?.notes).toEqual(node?.notes);
    why.push(both.why);
  }
  await log.remove();
  return { store, verdicts: [...new Set(verdicts)], why: JSON.stringify(why) };
}

const whole = runOf("a", 6);
const without = (...numbers: number[]) => whole.filter(({ run_seq }) => !numbers.includes(run_seq));
const changed = (number: number, change: Partial<Facts>) =>
  whole.map((record) => (record.run_seq === number ? { ...record, ...change } : record));
const endOf = (records: number) => ({ status: "completed" as const, outcome: null, reason: null, records });

test("whole runs, running and crashed ones, and such that nobody numbered are told apart, and are no findings", async () => {
  const unnumbered = {
    ...runOf("foreign", 1, { ended: false })[0],
    run_seq: null,
    event: "step",
    run_id: "foreign",
  } as unknown as Facts;
  const crashed = runOf("crashed", 3, { ended: false });
  const running = runOf("running", 3, { ended: false, second: 1_000 });
  const { store, verdicts, why } = await verdictsOf([...whole, ...crashed, unnumbered, ...running]);
  expect(verdicts, why).toEqual(["VERIFIED"]);
  expect(store.runs).toMatchObject({ whole: 1, crashed: 1, still_running: 1, not_numbered: 1, broken: 0 });
  expect(store.runs.unclosed.map(({ run_id, state }) => [run_id, state])).toEqual([
    ["crashed", "crashed"],
    ["running", "still_running"],
  ]);
});

/** Another instrumentation's span in a numbered run. */
const STRANGER = {
  ...(whole[1] as Facts),
  record_id: "9".repeat(64),
  run_seq: null,
  run_prev: undefined as never,
  step_id: "9".repeat(16),
} as unknown as Facts;

const BROKEN: [string, Facts[], string][] = [
  ...[0, 1, 2, 3, 4].map((number): [string, Facts[], string] => [
    `record ${number} never arrived`,
    without(number),
    `records ${number} of 6 never arrived`,
  ]),
  ["two never arrived in a run that is open", without(2, 3, 5), "records 2 to 3 never arrived"],
  ["a forked run", [...whole, { ...(whole[3] as Facts), record_id: "f".repeat(64) }], "record 3"],
  [
    "a record told once more as another span",
    [...whole, { ...(whole[3] as Facts), step_id: "f".repeat(16) }],
    "there are two records 3 with different content",
  ],
  [
    "a record without a number told once more, of another time",
    [STRANGER, { ...STRANGER, step_id: "f".repeat(16), end_time: timeAt(9) }, ...whole],
    `there are two records ${STRANGER.record_id} with different content`,
  ],
  [
    "swapped numbers",
    whole.map((record) => ({ ...record, run_seq: [0, 1, 3, 2, 4, 5][record.run_seq] as number })),
    "does not name record",
  ],
  ["a record put in place of another", changed(2, { record_id: "e".repeat(64) }), "record 3 does not name record 2"],
  ["a link that was cut", changed(3, { run_prev: undefined as never }), "record 3 names none"],
  [
    "a forged end that hides the last records",
    [...without(5), { ...(whole[5] as Facts), end: endOf(3) }],
    "commits to 3",
  ],
  [
    "a forged end in place of a record and all after it",
    [...without(3, 4, 5), { ...(whole[5] as Facts), run_seq: 3, record_id: "d".repeat(64), end: endOf(4) }],
    "record 3 does not name record 2",
  ],
];

test.each(BROKEN)("%s: found in the store and in bundles, by both verifiers", async (_, records, words) => {
  const { store, verdicts, why } = await verdictsOf(records);
  expect(verdicts, why).toEqual(["INCOMPLETE"]);
  expect(store.findings.map(({ where, what }) => `${where}: ${what}`).join("\n")).toContain(words);
  expect(store.findings.every(({ where }) => where === "run a")).toBe(true);
});
