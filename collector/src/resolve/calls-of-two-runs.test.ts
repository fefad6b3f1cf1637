import type { StepRow } from "@runledger/contract";
import type { Rows } from "@runledger/storage";
import { afterAll, beforeAll, expect, it } from "vitest";
import { hash, llm, row } from "./facts.fixture.ts";
import { createResolver } from "./resolver.ts";
import { INNER, openResolverStage, type ResolverStage } from "./resolver-stage.fixture.ts";

let stage: ResolverStage;
let rows: Rows;
beforeAll(async () => {
  stage = await openResolverStage();
  rows = stage.rows;
});
afterAll(() => stage.close());

it.each([
  ["other", {}],
  ["own", { dialect: "runledger", scope_name: "" }],
] as const)("counts a call once that two runs tell of, whichever comes first: %s", async (name, second) => {
  const ofRun = (runId: string, n: number) => ({
    run_id: runId,
    agent_name: runId,
    response_id: `${name}-${n}`,
    cost_usd: "0.25",
  });
  const agent = (n: number) => llm(`a${n}`, [n * 10, n * 10 + 5], "root", [10, 5], ofRun(`${name} agent`, n));
  const bare = (n: number) =>
    llm(`b${n}`, [n * 10, n * 10 + 5], "", [10, 5], { ...ofRun(`${name} bare`, n), ...INNER, ...second });
  const once = async (calls: number) => {
    const sums = { llm_calls: calls, tokens: calls * 10, cost: String(calls / 4) };
    expect(await stage.sumsOf(`${name} agent`)).toMatchObject(sums);
    expect(await stage.sumsOf(`${name} bare`)).toMatchObject({ llm_calls: 0, tokens: 0, cost: "0" });
    expect(await stage.usageOf(`${name} agent`)).toMatchObject(sums);
  };
  await stage.arrive(agent(1));
  await stage.arrive(bare(1));
  await once(1);
  await stage.arrive(bare(2), bare(3));
  await stage.arrive(agent(2), agent(3));
  await once(3);
  const shown = await rows.query(
    "SELECT same_call_as, same_call_in FROM corrections FINAL WHERE in_force AND run_id = {run_id:String} ORDER BY start_time",
    { run_id: `${name} bare` },
  );
  expect(shown).toEqual([1, 2, 3].map((n) => ({ same_call_as: agent(n).step_id, same_call_in: `${name} agent` })));

  // What the agent's run told of a call turns out to be another call's.
  await stage.arrive(
    llm("end", [9, 16], "a1", [10, 5], { ...ofRun(`${name} agent`, 9), request_model: "other", ...INNER }),
  );
  expect(await stage.sumsOf(`${name} agent`)).toMatchObject({ llm_calls: 4 });
});

/** `name`: of the agent whose runs they are; what tells no id, and what tells no tokens. */
function alikeCalls(name: string, calls: [startMs: number, endMs: number][], own: Partial<StepRow> = {}): StepRow[][] {
  const words = { input_preview: `question of ${name}`, output_preview: "Fine.", prompt_sha256: hash(name) };
  return calls.map(([start, end], n) => [
    llm("a", [start, end], "", null, {
      ...words,
      run_id: `${name} one ${n}`,
      agent_name: name,
      response_id: `id ${name} ${n}`,
    }),
    llm("b", [start + 1, end + 1], "root", [10, 5], {
      ...words,
      run_id: `${name} other ${n}`,
      agent_name: name,
      ...INNER,
      ...own,
    }),
  ]);
}

it.each([
  ["foreign", {}],
  ["ours", { dialect: "runledger", scope_name: "" }],
] as const)(
  "counts calls once that two runs tell of without an id in common, in whatever order they come: %s",
  async (name, own) => {
    const order = [3, 0, 5, 1, 4, 2, 7, 6];
    const calls = alikeCalls(
      name,
      [
        [0, 900],
        [10, 500],
        [20, 700],
        [5_000, 5_100],
      ],
      own,
    ).flat();
    for (const [n, at] of order.entries()) {
      await stage.arrive(...[calls[at]].flatMap((row) => row ?? []));
      if (n % 3 === 0) await createResolver(rows).everything();
    }
    const once = { llm_calls: 4, tokens: 40, missing: 0, cost: "1" };
    expect(await stage.usageOf(name)).toMatchObject(once);
    for (const n of [0, 1, 2, 3]) {
      expect(await stage.sumsOf(`${name} one ${n}`)).toMatchObject({ llm_calls: 0, missing: 0 });
      expect(await stage.sumsOf(`${name} other ${n}`)).toMatchObject({ llm_calls: 1, tokens: 10 });
    }
    const standing = () =>
      rows.query(
        "SELECT run_id, same_call_as, same_call_in, version FROM corrections FINAL WHERE in_force ORDER BY run_id, record_id",
      );
    const before = await standing();
    await createResolver(rows).everything();
    expect(await standing()).toEqual(before);
  },
);

it("counts the same question once each time, however often it is asked, but for too many in a row", async () => {
  const often = alikeCalls(
    "often",
    Array.from({ length: 300 }, (_, n) => [n * 400, n * 400 + 100]),
  );
  await stage.arrive(...often.slice(0, 200).flat());
  await stage.arrive(...often.slice(200).flat());
  expect(await stage.usageOf("often")).toMatchObject({ llm_calls: 300, tokens: 3_000 });
  await stage.arrive(
    ...alikeCalls(
      "in a row",
      Array.from({ length: 129 }, (_, n) => [n * 50, n * 50 + 100]),
    ).flat(),
  );
  expect(await stage.usageOf("in a row")).toMatchObject({ llm_calls: 258 });
});

it("counts calls without words once in one process, however many others it makes in between", async () => {
  const facts = { process: '{"host.name":"busy","process.pid":"1"}', input_preview: "", agent_name: "busy" };
  const others = Array.from({ length: 1_500 }, (_, n) =>
    llm(`${n}`, [500 + n * 100, 530 + n * 100], "", [0, 0], {
      ...facts,
      run_id: `busy ${n % 9}`,
      agent_name: "others",
    }),
  );
  await stage.arrive(...others);
  const calls = Array.from({ length: 15 }, (_, n) => [
    llm(`a${n}`, [n * 10_000, n * 10_000 + 400], "", null, { ...facts, run_id: "busy one" }),
    llm(`b${n}`, [n * 10_000 + 1, n * 10_000 + 399], "", [10, 5], { ...facts, run_id: "busy other", ...INNER }),
  ]);
  // It waits for others of its client, and is late at its end.
  const waiting = Array.from({ length: 5 }, (_, n) => [
    llm(`c${n}`, [n * 9_000, n * 9_000 + 3_300], "", [20, 5], { ...facts, run_id: "busy one" }),
    llm(`d${n}`, [n * 9_000 + 2_900, n * 9_000 + 3_100], "", [20, 5], { ...facts, run_id: "busy other", ...INNER }),
  ]);
  await stage.arrive(...[...calls, ...waiting].flat());
  expect(await stage.usageOf("busy")).toMatchObject({ llm_calls: 20, tokens: 250 });
});

it("looks again when another collector brought a nearer one meanwhile", async () => {
  await rows.insert(
    "journals",
    ["a", "b"].map((journal) => ({ journal })),
    "two journals",
  );
  const [[far, both] = []] = alikeCalls("meanwhile", [[0, 900]]);
  if (far === undefined || both === undefined) throw new Error("no calls");
  const near = { ...far, run_id: "meanwhile near", record_id: hash("near"), start_time: both.start_time };
  await stage.arrive(both);
  await stage.insert([far]);
  let isFirst = true;
  const slow: Rows = {
    ...rows,
    async insert(table, batch, token) {
      if (table === "corrections" && isFirst) {
        isFirst = false;
        await stage.arrive(near);
      }
      await rows.insert(table, batch, token);
    },
  };
  await createResolver(slow).rowsInserted([far]);
  expect(isFirst).toBe(false);
  expect(await stage.usageOf("meanwhile")).toMatchObject({ llm_calls: 2, tokens: 10 });
  await rows.command("TRUNCATE TABLE journals");
});

it("counts a call twice again when a late root names another agent in each run", async () => {
  const [calls = []] = alikeCalls("named", [[0, 100]]);
  await stage.arrive(...calls.map((row) => ({ ...row, agent_name: "" })));
  const sums = async () =>
    [await stage.sumsOf("named one 0"), await stage.sumsOf("named other 0")].map((of) => of.llm_calls);
  expect(await sums()).toEqual([0, 1]);
  for (const agent of ["one", "other"])
    await stage.arrive(row("root", -1, 110, "", { run_id: `named ${agent} 0`, kind: "agent", agent_name: agent }));
  expect(await sums()).toEqual([1, 1]);
});

it.each([
  ["by the answer's id", (n: number) => ({ response_id: `large-${n}` }), {}],
  [
    "by what is alike",
    (n: number) => ({ input_preview: `large ${n}`, output_preview: "Fine.", prompt_sha256: hash(`large ${n}`) }),
    { response_id: "" },
  ],
])(
  "finds the same call in runs too large to be read whole: %s",
  { timeout: 300_000 },
  async (name, factsOf, ofBare) => {
    const CALLS = 16;
    const callsOf = (runId: string, parent: string, facts: Partial<StepRow>) =>
      Array.from({ length: CALLS }, (_, n) =>
        llm(`${n}`, [n * 1_000, n * 1_000 + 500], parent, [n, 5], { run_id: runId, ...factsOf(n), ...facts }),
      );
    const [agent, bare] = [
      callsOf(`large agent ${name}`, "root", {}),
      callsOf(`large bare ${name}`, "", { scope_name: "inner", ...ofBare }),
    ];
    const inPieces = createResolver(rows, { maxRecordsAtOnce: 10, pieceFacts: 6, marginFacts: 4 });
    for (let n = 0; n < CALLS; n += 8) {
      for (const batch of [agent.slice(n, n + 8), bare.slice(n, n + 8)]) {
        await stage.insert(batch);
        await inPieces.rowsInserted(batch);
      }
    }
    expect(await stage.sumsOf(`large agent ${name}`)).toMatchObject({ llm_calls: CALLS });
    expect(await stage.sumsOf(`large bare ${name}`)).toMatchObject({ llm_calls: 0 });
  },
);
