import { expect, test } from "vitest";
import { createRunChain, type RunLink } from "./run-chain.ts";
import {
  createRunCompleteness,
  notesOfUnfollowed,
  type RunCoverage,
  type RunsSummary,
  unclosedLines,
} from "./run-completeness.ts";
import { createWaitingRoom } from "./waiting-ids.ts";

const NOBODY = {
  task_id: null,
  task_type: null,
  agent_name: null,
  agent_version: null,
  session_id: null,
  user_id: null,
};

const timeOf = (second: number) => new Date(Date.UTC(2026, 0, 1) + second * 1000).toISOString().replace("Z", "000000Z");

/** A run of the SDK: a start, steps, and an end that commits to them; each names the one before. */
function run(runId: string, records: number, more: { ended?: boolean; second?: number } = {}): RunLink[] {
  const { ended = true, second = 0 } = more;
  const idOf = (i: number) => Buffer.from(`${runId} ${i}`).toString("hex").padEnd(64, "0");
  return Array.from({ length: records }, (_, i) => ({
    tenant: "default",
    run_id: runId,
    event: i === 0 ? "run_start" : ended && i === records - 1 ? "run_end" : "step",
    record_id: idOf(i),
    run_seq: i,
    ...(i === 0 ? {} : { run_prev: idOf(i - 1) }),
    received_time: timeOf(second + i),
    run: { ...NOBODY, heartbeat_interval_ms: i === 0 ? 10_000 : null },
    end: ended && i === records - 1 ? { status: "completed", outcome: null, reason: null, records } : null,
    operation: null,
    ...{ status: "ok", kind: "other", tool: null, llm: null, cost: null },
    ...{ name: "step", error: null, attributes: {}, events: [] },
    ...{ trace_id: runId, step_id: String(i), parent_id: null, start_time: timeOf(i), end_time: timeOf(i + 1) },
  }));
}

function check(records: readonly RunLink[], coverage: RunCoverage = "log"): RunsSummary {
  const completeness = createRunCompleteness(Buffer.alloc(16, 7));
  for (const record of records) completeness.add(record);
  return completeness.finish(coverage);
}
const kinds = (records: readonly RunLink[], coverage?: RunCoverage) =>
  check(records, coverage).problems.map(({ kind }) => kind);
const without = (records: RunLink[], ...numbers: number[]) =>
  records.filter(({ run_seq }) => !numbers.includes(run_seq ?? -1));
const changed = (records: RunLink[], number: number, change: Partial<RunLink>) =>
  records.map((record) => (record.run_seq === number ? { ...record, ...change } : record));
const link = (records: readonly RunLink[], number: number) => records[number] as RunLink;

test("runs are whole in any order, sent twice, mixed with others", () => {
  const all = [...run("a", 6), ...run("b", 3), ...run("a", 6)];
  expect(check(all)).toMatchObject({ whole: 2, broken: 0, problems: [] });
  for (let seed = 1; seed < 50; seed++) {
    const shuffled = all.toSorted((x, y) => hash(x, seed) - hash(y, seed));
    expect(check(shuffled)).toMatchObject({ whole: 2, broken: 0, crashed: 0, still_running: 0, problems: [] });
  }
});

function hash({ run_id, run_seq }: RunLink, seed: number): number {
  return ((run_id.charCodeAt(0) * 31 + Number(run_seq)) * 7919 * seed) % 1009;
}

test("every single record that is missing is named", () => {
  const whole = run("a", 8);
  for (let number = 0; number < 7; number++) {
    const found = check(without(whole, number));
    expect(found).toMatchObject({ whole: 0, broken: 1, problems: [{ run_id: "a", kind: "never_arrived" }] });
    expect(found.problems[0]?.what).toMatch(`records ${number} of 8 never arrived`);
  }
  expect(check(without(whole, 1, 2, 3, 6)).problems[0]?.what).toMatch("records 1 to 3, 6 of 8");
  // The end itself: the run is open, and of its tail nothing can be known.
  expect(check(without(whole, 7))).toMatchObject({ still_running: 1, problems: [] });
});

test("why a record is missing is said as far as it can be known", () => {
  const cut = without(run("a", 5), 2);
  expect(kinds(cut, "log")).toEqual(["never_arrived"]);
  expect(kinds(cut, "damaged")).toEqual(["removed"]);
  expect(kinds(cut, "selection")).toEqual(["not_here"]);
  expect(check(cut, "range")).toMatchObject({ partly_here: 1, broken: 0, whole: 0, problems: [] });
  const resumed = changed(without(run("a", 8), 3), 5, { operation: "resume" });
  expect(check(resumed).problems[0]?.what).toMatch("a process died before it had sent all");
});

test("a fork, a swap, a stranger in between and a false end are found", () => {
  const whole = run("a", 6);
  const twin = { ...link(whole, 3), record_id: "f".repeat(64) };
  expect(kinds([...without(whole, 5), twin, link(whole, 5)])).toEqual(["fork"]);
  expect(kinds([...whole, twin])).toEqual(["fork"]);
  const swapped = whole.map((record) =>
    record.run_seq === 2 ? { ...record, run_seq: 3 } : record.run_seq === 3 ? { ...record, run_seq: 2 } : record,
  );
  expect(new Set(kinds(swapped))).toEqual(new Set(["out_of_chain"]));
  expect(kinds(changed(whole, 2, { record_id: "e".repeat(64) }))).toEqual(["out_of_chain"]);
  expect(kinds(changed(whole, 3, { run_prev: "e".repeat(64) }))).toEqual(["out_of_chain"]);
  const { run_prev: _, ...unchained } = link(whole, 3);
  expect(kinds([...without(whole, 3), unchained])).toEqual(["out_of_chain"]);
  const end = (records: number, number = 5) => ({
    ...link(whole, 5),
    run_seq: number,
    end: { ...endOf(whole), records },
  });
  expect(kinds([...without(whole, 5), end(3)])).toContain("false_end");
  expect(kinds([...without(whole, 5), end(9)])).toContain("false_end");
  expect(kinds([...whole.slice(0, 5), link(whole, 5), { ...end(7, 6), record_id: "d".repeat(64) }])).not.toEqual([]);
  expect(kinds([...without(whole, 4, 5), { ...end(3, 2), record_id: "d".repeat(64) }])).not.toEqual([]);
});

function endOf(records: RunLink[]) {
  return records.at(-1)?.end as NonNullable<RunLink["end"]>;
}

test("every order of the records finds the same", () => {
  const whole = run("a", 5);
  const broken = changed(whole, 2, { record_id: "e".repeat(64) });
  for (const order of permutations([0, 1, 2, 3, 4])) {
    expect(kinds(order.map((i) => link(broken, i)))).toEqual(["out_of_chain"]);
    expect(check(order.map((i) => link(whole, i)))).toMatchObject({ whole: 1, problems: [] });
  }
});

test("a run that was chosen has crashed when others attest that time went on without it", () => {
  const completeness = (): ReturnType<typeof createRunCompleteness> => {
    const made = createRunCompleteness(Buffer.alloc(16, 7));
    for (const record of run("dead", 3, { ended: false })) made.add(record);
    return made;
  };
  expect(completeness().finish("selection")).toMatchObject({ still_running: 1, crashed: 0 });
  expect(completeness().finish("selection", timeOf(30))).toMatchObject({ still_running: 1, crashed: 0 });
  expect(completeness().finish("selection", "2026-01-01T00:20:00Z")).toMatchObject({ still_running: 0, crashed: 1 });
});

test("beyond so many open runs the others are counted as not followed, and of those without an end all are counted", () => {
  const open = Array.from({ length: 60 }, (_, i) => run(`open-${i}`, 2, { ended: false })).flat();
  const few = createRunCompleteness(Buffer.alloc(16, 7), 55);
  for (const record of open) few.add(record);
  const summary = few.finish("log");
  expect(summary).toMatchObject({ still_running: 55, unfollowed: 5, unclosed_total: 55 });
  expect(notesOfUnfollowed(summary)).toEqual([expect.stringContaining("(5)")]);
  expect(unclosedLines(summary).at(-1)).toBe("  … and 5 more runs without an end");
  const late = createRunCompleteness(Buffer.alloc(16, 7), 1);
  const [a, b] = [run("a", 2), run("b", 2)];
  for (const record of [link(a, 0), link(b, 0), link(a, 1), link(b, 1)]) late.add(record);
  expect(late.finish("log")).toMatchObject({ whole: 1, broken: 0, unfollowed: 1, problems: [] });
  const broken = without(open, 0);
  expect(unclosedLines(check(broken)).at(-1)).toBe("  … and 10 more runs without an end");
});

test("two ends of which one has a number or a count are found in every order; those of others' root spans say neither, and are none", () => {
  const whole = run("a", 3);
  const end = (step_id: string, records: number | null, run_seq: number | null = null): RunLink => {
    const { run_prev: _, ...last } = link(whole, 2);
    return { ...last, record_id: step_id.repeat(64), step_id, run_seq, end: { ...endOf(whole), records } };
  };
  const steps = without(whole, 2);
  const twoEnds: RunLink[][] = [
    [...steps, end("e", 2), end("f", 2)],
    [...steps, end("e", 2), end("f", 5)],
    [...steps, end("e", 2), end("f", null)],
    [...steps, end("e", 7), end("f", null)],
    [...whole, end("f", null)],
  ];
  for (const records of twoEnds)
    for (const order of permutations(records.map((_, i) => i)))
      expect(check(order.map((i) => link(records, i)))).toMatchObject({ whole: 0, broken: 1 });
  for (const more of [[end("e", 2)], [end("e", null)], [end("e", null), end("f", null)]])
    for (const order of permutations([...steps, ...more].map((_, i) => i)))
      expect(check(order.map((i) => link([...steps, ...more], i)))).toMatchObject({
        ...(more[0]?.end?.records === 2 ? { whole: 1, not_numbered: 0 } : { whole: 0, not_numbered: 1 }),
        ...{ broken: 0, problems: [] },
      });
  expect(check([end("e", null), end("f", null)])).toMatchObject({ broken: 0, problems: [] });
});

function permutations(items: number[]): number[][] {
  if (items.length <= 1) return [items];
  return items.flatMap((first) => permutations(items.filter((item) => item !== first)).map((rest) => [first, ...rest]));
}

test("a run without an end has crashed when the log went on long after it, and else is running", () => {
  const open = run("open", 4, { ended: false });
  expect(check(open)).toMatchObject({ still_running: 1, crashed: 0, unclosed: [{ run_id: "open", records: 4 }] });
  const soon = [...open, ...run("soon", 3, { second: 55 })];
  expect(check(soon)).toMatchObject({ still_running: 1, crashed: 0 });
  const later = [...open, ...run("later", 3, { second: 65 })];
  expect(check(later)).toMatchObject({ crashed: 1, whole: 1, problems: [], unclosed: [{ state: "crashed" }] });
  const silent = open.map((record) => ({ ...record, run: { ...record.run, heartbeat_interval_ms: null } }));
  expect(check([...silent, ...run("later", 3, { second: 700 })])).toMatchObject({ still_running: 1 });
  expect(check([...silent, ...run("later", 3, { second: 1_000 })])).toMatchObject({ crashed: 1 });
});

test("who does not number is not called whole, and a sender without chains is held to its numbers", () => {
  const foreign = run("foreign", 4).map(({ run_prev: _, ...record }) => ({
    ...record,
    record_id: record.record_id.replace("0000", "ffff"),
    run_seq: null,
    end: null,
    event: "step" as const,
  }));
  expect(check(foreign)).toMatchObject({ not_numbered: 1, whole: 0, problems: [] });
  expect(check([...foreign.slice(0, 1), ...run("foreign", 4)])).toMatchObject({ not_numbered: 0, whole: 1 });
  const rooted = foreign.map((record, at) =>
    at < 3
      ? record
      : {
          ...record,
          event: "run_end" as const,
          end: { status: "completed" as const, outcome: null, reason: null, records: null },
        },
  );
  for (const records of [
    rooted,
    rooted.toReversed(),
    rooted.slice(-1),
    [...rooted.slice(-1), ...run("foreign", 2).slice(0, 1)],
  ])
    expect(check(records)).toMatchObject({ not_numbered: 1, whole: 0, problems: [] });
  expect(kinds([...rooted, ...run("foreign", 4)])).toEqual(["false_end"]);
  expect(kinds([...run("foreign", 4), ...rooted])).toEqual(["fork"]);
  const older = run("older", 4).map(({ run_prev: _, ...record }) => record);
  expect(check(older)).toMatchObject({ whole: 1, problems: [] });
  expect(kinds(without(older, 1))).toEqual(["never_arrived"]);
});

test("a run of which more waits than there is room for is not called whole: it is not followed", () => {
  const room = createWaitingRoom(Buffer.alloc(16, 7), 3);
  const chain = createRunChain(room);
  const records = run("a", 21);
  const faults: string[] = [];
  for (const record of [...records.filter((_, i) => i % 2 === 0), ...records.filter((_, i) => i % 2 === 1)])
    chain.add(record, ({ what }) => faults.push(what));
  expect({ faults, forgot: chain.hasForgotten, whole: chain.isWhole() }).toEqual({
    faults: [],
    forgot: true,
    whole: false,
  });
  chain.close();
  const other = createRunChain(room);
  for (const record of run("b", 5)) other.add(record, () => undefined);
  expect(other.isWhole()).toBe(true);
});

/** Told once more, as by another collector. */
const again = (record: RunLink, change: Partial<RunLink> = {}): RunLink => ({
  ...record,
  ...{ received_time: timeOf(1_000) },
  ...change,
});
const CALL = { request_model: "small", response_model: null, counted: true, input_tokens: 10, output_tokens: 2 };
const call = (change: Partial<typeof CALL> = {}): Partial<RunLink> => ({
  ...{ kind: "llm", llm: { ...CALL, ...change } as RunLink["llm"] },
});
const priced = (usd: string, price_version = "1") => ({ usd, price_table: "t", price_version });

test("a record that is told again as another span, or of another time, is a second one; the first stays whole without it", () => {
  const whole = run("a", 4);
  const others: Partial<RunLink>[] = [
    { trace_id: "other" },
    { step_id: "other" },
    { parent_id: "other" },
    { start_time: timeOf(90) },
    { end_time: timeOf(91) },
  ];
  const said: Partial<RunLink>[] = [
    { name: "other" },
    { operation: "resume" },
    { error: { type: "timeout", message: null } },
    { approval: { tool: "pay", approved: true, by: "anna" } },
    { guardrail: { passed: true, rule: null, target: null } },
    { decision: { options: [], choice: "pay", confidence: null } },
  ];
  for (const other of said) {
    expect(kinds([...whole, again(link(whole, 2), other)])).toContain("fork");
    // A foreign span may be read better by a later version.
    const unnumbered = { ...link(whole, 2), run_seq: null };
    expect(check([unnumbered, again(unnumbered, other)])).toMatchObject({ problems: [], notes: [expect.anything()] });
  }
  for (const other of others) {
    const found = check([...whole, again(link(whole, 2), other)]);
    expect(found).toMatchObject({ whole: 0, broken: 1, problems: [{ run_id: "a", kind: "fork" }] });
    expect(found.problems[0]?.what).toBe("there are two records 2 with different content");
    const unnumbered = { ...link(whole, 2), run_seq: null };
    const foreign = check([unnumbered, again(unnumbered, other)]);
    expect(foreign.problems[0]?.what).toBe(`there are two records ${unnumbered.record_id} with different content`);
  }
  // Nor does it matter in which run it is told.
  expect(kinds([...whole, { ...link(whole, 2), run_id: "b", run_seq: 0 }])).toContain("fork");
});

test("a record that is told again with another model, tokens, cost or agent is named in a note; the first counts", () => {
  const step = { ...link(run("a", 4), 1), ...call(), cost: priced("0.1") };
  const whole = run("a", 4).map((record) => (record.run_seq === 1 ? step : record));
  const unnumbered = { ...step, run_seq: null, record_id: "c".repeat(64) };
  const facts: Partial<RunLink>[] = [
    call({ request_model: "large" }),
    call({ input_tokens: 1_000 }),
    call({ counted: false }),
    { cost: priced("9.9") },
    { attributes: { amount: 10 } },
    { run: { ...step.run, agent_name: "somebody" } },
  ];
  for (const change of facts) {
    const found = check([...whole, unnumbered, again(step, change), again(unnumbered, change)]);
    expect(found).toMatchObject({ whole: 1, broken: 0, problems: [] });
    expect(found.notes.map((note) => note.slice(0, 80))).toEqual(
      [step, unnumbered].map(({ record_id }) => `Record ${record_id} of run a`.slice(0, 80)),
    );
  }
  const many = Array.from({ length: 30 }, () => again(step, { cost: priced("9.9") }));
  expect(check([...whole, ...many]).notes.at(-1)).toBe("… and 10 more that are told again with other facts.");
});

test("each of many records is held against its own first telling", () => {
  const many = run("a", 9_000);
  expect(check([...many, ...many])).toMatchObject({ whole: 1, problems: [], notes: [] });
  for (const number of [0, 4_095, 8_999]) {
    const other = again(link(many, number), { cost: priced("9.9") });
    expect(check([...many, other]).notes).toHaveLength(1);
    expect(kinds([...many, { ...other, step_id: "other" }])).toEqual(["fork"]);
  }
});

test("what honest senders and collectors tell again is silent", () => {
  const whole = run("a", 4).map((record) => (record.run_seq === 1 ? { ...record, ...call() } : record));
  const log = { ...link(whole, 1), event: "log" as const, run_seq: null, record_id: "d".repeat(64) };
  const untimed = { ...log, start_time: log.received_time, end_time: log.received_time };
  const late = timeOf(1_000);
  const told = [...whole, untimed, { ...untimed, received_time: late, start_time: late, end_time: late }];
  const found = check([...told, ...whole.map((record) => again(record))]);
  expect(found).toMatchObject({ whole: 1, broken: 0, problems: [], notes: [] });
});

test("runs of two tenants with one id are two runs", () => {
  const other = run("a", 3).map((record) => ({ ...record, tenant: "other" }));
  expect(check([...run("a", 4), ...other])).toMatchObject({ whole: 2, problems: [] });
});
