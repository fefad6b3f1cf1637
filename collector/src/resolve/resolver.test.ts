import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SILENCE_ABANDONS_MS, type StepRow } from "@runledger/contract";
import { type EmbeddedClickHouse, migrate, openRows, type Rows, startEmbeddedClickHouse } from "@runledger/storage";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { anyRows, rowsOf } from "./any-rows.suite.ts";
import { asking, given, hash, llm, row, tool } from "./facts.fixture.ts";
import { createResolver } from "./resolver.ts";

const logger = { info() {}, warn() {}, error() {} };
let dir: string;
let server: EmbeddedClickHouse;
let rows: Rows;
let inserts = 0;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "runledger-resolve-"));
  server = await startEmbeddedClickHouse({ dir, logger });
  rows = openRows(server.url);
  await migrate(rows, { retentionDays: 400 });
});
afterAll(async () => {
  await rows.close();
  await server.stop();
  await rm(dir, { recursive: true, force: true });
});

async function insert(batch: readonly StepRow[]): Promise<void> {
  await rows.insert("steps", batch, `test ${++inserts}`);
}

/** Inserts and looks, as the metrics sink does. */
async function arrive(...batch: StepRow[]): Promise<void> {
  await insert(batch);
  await createResolver(rows).rowsInserted(batch);
}

interface Sums {
  steps: number;
  llm_calls: number;
  tool_calls: number;
  tokens: number | null;
  missing: number;
  cost: string | null;
  tools: string[];
}

/** The same sums as `runs` has them corrected, as the rollup and its corrections give them, and the number of steps shown. */
async function sumsOf(runId: string): Promise<Sums> {
  const [ofRun] = await rows.query<Sums>(
    `SELECT toInt32(runs.steps + more.steps) AS steps, toInt32(runs.llm_calls + more.llm_calls) AS llm_calls,
       toInt32(runs.tool_calls + more.tool_calls) AS tool_calls, toInt32(runs.input_tokens + more.input_tokens) AS tokens,
       toInt32(runs.usage_missing + more.usage_missing) AS missing, toString(runs.cost_usd + more.cost_usd) AS cost,
       arraySort(arrayDistinct(arrayConcat(runs.tools, more.tools))) AS tools
     FROM (SELECT * FROM runs FINAL WHERE run_id = {run_id:String}) AS runs
     LEFT ANY JOIN (SELECT * FROM run_corrections FINAL WHERE run_id = {run_id:String}) AS more USING run_id`,
    { run_id: runId },
  );
  if (ofRun === undefined) throw new Error(`no run ${runId}`);
  return ofRun;
}

/** The run's sums as usage_parts has them: its agent is named as the run. */
async function usageOf(agent: string): Promise<Partial<Sums>> {
  const [usage] = await rows.query<Partial<Sums>>(
    `SELECT toInt32(sum(steps)) AS steps, toInt32(sum(llm_calls)) AS llm_calls, toInt32(sum(tool_calls)) AS tool_calls,
       toInt32(sum(input_tokens)) AS tokens, toInt32(sum(usage_missing)) AS missing, toString(sum(cost_usd)) AS cost
     FROM usage_parts WHERE agent_name = {agent:String}`,
    { agent },
  );
  return usage ?? {};
}

async function shownSteps(runId: string): Promise<string[]> {
  const found = await rows.query<{ shown: string }>(
    `SELECT concat(kind, ' ', name, if(tool_inferred, ' inferred', '')) AS shown FROM all_steps WHERE run_id = {run_id:String}
     ORDER BY start_time, record_id`,
    { run_id: runId },
  );
  return found.map(({ shown }) => shown);
}

const INNER = { scope_name: "inner", cost_usd: "0.25" };

it("takes back what a twin counted, in the run and in the rollup, and counts it again when a late span tells otherwise", async () => {
  const facts = { run_id: "twins", agent_name: "twins" };
  const outer = llm("outer", [0, 100], "", [10, 5], { ...facts, cost_usd: "0.25" });
  await arrive(outer);
  await arrive(llm("inner", [10, 90], "outer", [10, 5], { ...facts, ...INNER }));
  const once = { steps: 2, llm_calls: 1, tool_calls: 0, tokens: 10, missing: 0, cost: "0.25" };
  expect(await sumsOf("twins")).toMatchObject(once);
  expect(await usageOf("twins")).toMatchObject(once);

  await arrive(llm("second", [95, 99], "outer", [7, 1], { ...facts, ...INNER }));
  await arrive(llm("third", [99, 100], "outer", [7, 1], { ...facts, ...INNER }));
  expect(await sumsOf("twins")).toMatchObject({ llm_calls: 3, tokens: 24, cost: "0.75" });
  await arrive(llm("end", [10, 90], "inner", [11, 5], { ...facts, ...INNER, request_model: "other" }));
  expect(await sumsOf("twins")).toMatchObject({ llm_calls: 4, tokens: 35, cost: "1" });
  expect(await usageOf("twins")).toMatchObject({ llm_calls: 4, tokens: 35, cost: "1" });
});

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
    expect(await sumsOf(`${name} agent`)).toMatchObject(sums);
    expect(await sumsOf(`${name} bare`)).toMatchObject({ llm_calls: 0, tokens: 0, cost: "0" });
    expect(await usageOf(`${name} agent`)).toMatchObject(sums);
  };
  await arrive(agent(1));
  await arrive(bare(1));
  await once(1);
  await arrive(bare(2), bare(3));
  await arrive(agent(2), agent(3));
  await once(3);
  const shown = await rows.query(
    "SELECT same_call_as, same_call_in FROM corrections FINAL WHERE in_force AND run_id = {run_id:String} ORDER BY start_time",
    { run_id: `${name} bare` },
  );
  expect(shown).toEqual([1, 2, 3].map((n) => ({ same_call_as: agent(n).step_id, same_call_in: `${name} agent` })));

  // What the agent's run told of a call turns out to be another call's.
  await arrive(llm("end", [9, 16], "a1", [10, 5], { ...ofRun(`${name} agent`, 9), request_model: "other", ...INNER }));
  expect(await sumsOf(`${name} agent`)).toMatchObject({ llm_calls: 4 });
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
      await arrive(...[calls[at]].flatMap((row) => row ?? []));
      if (n % 3 === 0) await createResolver(rows).everything();
    }
    const once = { llm_calls: 4, tokens: 40, missing: 0, cost: "1" };
    expect(await usageOf(name)).toMatchObject(once);
    for (const n of [0, 1, 2, 3]) {
      expect(await sumsOf(`${name} one ${n}`)).toMatchObject({ llm_calls: 0, missing: 0 });
      expect(await sumsOf(`${name} other ${n}`)).toMatchObject({ llm_calls: 1, tokens: 10 });
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
  await arrive(...often.slice(0, 200).flat());
  await arrive(...often.slice(200).flat());
  expect(await usageOf("often")).toMatchObject({ llm_calls: 300, tokens: 3_000 });
  await arrive(
    ...alikeCalls(
      "in a row",
      Array.from({ length: 129 }, (_, n) => [n * 50, n * 50 + 100]),
    ).flat(),
  );
  expect(await usageOf("in a row")).toMatchObject({ llm_calls: 258 });
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
  await arrive(both);
  await insert([far]);
  let isFirst = true;
  const slow: Rows = {
    ...rows,
    async insert(table, batch, token) {
      if (table === "corrections" && isFirst) {
        isFirst = false;
        await arrive(near);
      }
      await rows.insert(table, batch, token);
    },
  };
  await createResolver(slow).rowsInserted([far]);
  expect(isFirst).toBe(false);
  expect(await usageOf("meanwhile")).toMatchObject({ llm_calls: 2, tokens: 10 });
  await rows.command("TRUNCATE TABLE journals");
});

it("counts a call twice again when a late root names another agent in each run", async () => {
  const [calls = []] = alikeCalls("named", [[0, 100]]);
  await arrive(...calls.map((row) => ({ ...row, agent_name: "" })));
  const sums = async () => [await sumsOf("named one 0"), await sumsOf("named other 0")].map((of) => of.llm_calls);
  expect(await sums()).toEqual([0, 1]);
  for (const agent of ["one", "other"])
    await arrive(row("root", -1, 110, "", { run_id: `named ${agent} 0`, kind: "agent", agent_name: agent }));
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
        await insert(batch);
        await inPieces.rowsInserted(batch);
      }
    }
    expect(await sumsOf(`large agent ${name}`)).toMatchObject({ llm_calls: CALLS });
    expect(await sumsOf(`large bare ${name}`)).toMatchObject({ llm_calls: 0 });
  },
);

it("shows a tool call from the messages, and no more once its span comes", async () => {
  const facts = { run_id: "late", agent_name: "late" };
  await arrive(llm("asks", [0, 100], "agent", null, { ...facts, ...asking(["c1", "look up", "{}"]) }));
  expect(await sumsOf("late")).toMatchObject({ steps: 1, tool_calls: 0, tools: [] });
  await arrive(llm("next", [300, 400], "agent", null, { ...facts, ...given(["c1", "42"]) }));
  expect(await sumsOf("late")).toMatchObject({ steps: 3, tool_calls: 1, tools: ["look up"], missing: 2 });
  expect(await usageOf("late")).toMatchObject({ steps: 3, tool_calls: 1, tokens: null });
  expect(await shownSteps("late")).toEqual(["llm asks", "tool look up inferred", "llm next"]);

  await arrive(tool("span", [110, 290], "", { ...facts, tool_name: "look up", tool_call_id: "c1" }));
  expect(await sumsOf("late")).toMatchObject({ steps: 3, tool_calls: 1, tools: ["look up"] });
  expect(await usageOf("late")).toMatchObject({ steps: 3, tool_calls: 1 });
  expect(await shownSteps("late")).toEqual(["llm asks", "tool span", "llm next"]);
});

it("infers what was asked for last when the run is over", async () => {
  const facts = { run_id: "over" };
  await arrive(llm("asks", [0, 100], "agent", [1, 1], { ...facts, ...asking(["c1", "search", "{}"]) }));
  await arrive(row("agent", 0, 200, "", { ...facts, kind: "agent", event: "run_end", end_status: "failed" }));
  expect(await shownSteps("over")).toEqual(["llm asks", "tool search inferred"]);
});

it("infers what was asked for last when the run was abandoned, and no more once it goes on", async () => {
  const facts = { run_id: "silent", agent_name: "silent" };
  const asks = llm("asks", [0, 100], "agent", [1, 1], { ...facts, ...asking(["c1", "search", "{}"]) });
  const received = Date.parse(asks.received_time);
  let nowMs = received + 1_000;
  const resolver = createResolver(rows, { nowMs: () => nowMs });
  await insert([asks]);
  await resolver.rowsInserted([asks]);
  const since = await resolver.abandoned(received - 3_600_000);
  expect(await shownSteps("silent")).toEqual(["llm asks"]);

  nowMs = received + SILENCE_ABANDONS_MS + 2_000;
  const next = await resolver.abandoned(since);
  expect(next).toBe(received + 2_000);
  expect(await shownSteps("silent")).toEqual(["llm asks", "tool search inferred"]);
  expect(await sumsOf("silent")).toMatchObject({ steps: 2, tool_calls: 1 });

  const span = tool("span", [110, 290], "agent", {
    ...facts,
    tool_name: "search",
    tool_call_id: "c1",
    received_time: new Date(nowMs).toISOString().replace("Z", "000000Z"),
  });
  await insert([span]);
  await resolver.rowsInserted([span]);
  expect(await shownSteps("silent")).toEqual(["llm asks", "tool span"]);
  expect(await sumsOf("silent")).toMatchObject({ steps: 2, tool_calls: 1 });
  await resolver.abandoned(next);
  expect(await shownSteps("silent")).toEqual(["llm asks", "tool span"]);
});

it("writes nothing for our own SDK's runs, nor twice for the same", async () => {
  const count = async () => (await rows.query<{ n: string }>("SELECT sum(version) AS n FROM corrections FINAL"))[0]?.n;
  const before = await count();
  const own = { run_id: "own", dialect: "runledger", ...asking(["c1", "search", "{}"]) };
  await arrive(llm("outer", [0, 100], "", [1, 1], own), llm("inner", [10, 90], "outer", [1, 1], { ...own, ...INNER }));
  expect(await count()).toBe(before);
  const twins = [
    llm("outer", [0, 100], "", [1, 1], { run_id: "again" }),
    llm("inner", [10, 90], "outer", [1, 1], { run_id: "again", ...INNER }),
  ];
  await arrive(...twins);
  await createResolver(rows).rowsInserted(twins);
  await createResolver(rows).everything();
  const [written] = await rows.query(
    "SELECT toInt32(count()) AS n, toInt32(max(intDiv(version, 65536))) AS v FROM corrections WHERE run_id = 'again'",
  );
  expect(written).toEqual({ n: 1, v: 1 });
});

it("finishes what a crash interrupted after the rows, and after the corrections", async () => {
  const twins = [
    llm("outer", [0, 100], "", [1, 1], { run_id: "crash" }),
    llm("inner", [10, 90], "outer", [1, 1], { run_id: "crash", ...INNER }),
  ];
  await insert(twins);
  expect(await sumsOf("crash")).toMatchObject({ llm_calls: 2 });
  const interrupted: Rows = { ...rows, command: () => Promise.reject(new Error("crash")) };
  await expect(createResolver(interrupted).rowsInserted(twins)).rejects.toThrow("crash");
  expect(await sumsOf("crash")).toMatchObject({ llm_calls: 2 });
  await createResolver(rows).rowsInserted(twins);
  expect(await sumsOf("crash")).toMatchObject({ llm_calls: 1 });
});

it("comes to the same for a run that is looked at piece by piece, as it grows, afterwards, and when it is over", {
  timeout: 300_000,
}, async () => {
  const TURNS = 16;
  const turn = (runId: string, n: number): StepRow[] => {
    const facts = { run_id: runId, agent_name: runId };
    const time: [number, number] = [n * 1_000, n * 1_000 + 500];
    const talk = { ...asking([`c${n}`, "search", String(n)]), ...given([`c${n - 1}`, "42"]) };
    const outer = llm(`outer ${n}`, time, "agent", [n, 5], { ...facts, ...talk });
    const chain = row(`chain ${n}`, ...time, `outer ${n}`, facts);
    const inner = llm(`inner ${n}`, time, `chain ${n}`, [n, 5], { ...facts, ...INNER });
    const span = tool(`tool ${n}`, [n * 1_000 + 600, n * 1_000 + 700], "agent", { ...facts, tool_call_id: `c${n}` });
    return n % 3 === 0 ? [outer, chain, inner, span] : [outer, chain, inner];
  };
  const turns = (runId: string) => Array.from({ length: TURNS }, (_, n) => turn(runId, n));
  const end = (runId: string) =>
    row("agent", 0, 60_000, "", { run_id: runId, kind: "agent", event: "run_end", end_status: "completed" });
  const expected = { steps: TURNS * 4, llm_calls: TURNS, tool_calls: TURNS, cost: String(TURNS / 4) };
  await arrive(...turns("at once").flat(), end("at once"));
  expect(await sumsOf("at once")).toMatchObject(expected);

  const pieces = { maxRecordsAtOnce: 10, pieceFacts: 6, marginFacts: 8 };
  const inPieces = createResolver(rows, pieces);
  const late = turns("grown").slice(6, 8).flat();
  for (const batch of [...turns("grown").filter((_, n) => n < 6 || n >= 8), late, [end("grown")]]) {
    await insert(batch);
    await inPieces.rowsInserted(batch);
  }
  expect(await sumsOf("grown")).toMatchObject(expected);

  await insert([...turns("afterwards").flat(), end("afterwards")]);
  await inPieces.everything();
  expect(await sumsOf("afterwards")).toMatchObject(expected);
});

it("asks for more parents at once than a parameter of ClickHouse has room for", async () => {
  const batch = Array.from({ length: 8_000 }, (_, n) => {
    const id = n.toString().padStart(14, "0");
    const facts = { run_id: "many parents", agent_name: "many parents" };
    return [row(`c-${id}`, n, n + 1, "", facts), llm(`m-${id}`, [n, n + 1], `c-${id}`, [n, 5], facts)];
  }).flat();
  await insert(batch);
  await createResolver(rows, { maxRecordsAtOnce: 10, pieceFacts: 8_000, marginFacts: 2 }).rowsInserted(batch);
  expect(await sumsOf("many parents")).toMatchObject({ steps: 16_000, llm_calls: 8_000 });
});

it("comes to the same sums whatever the order, the batches, repeats, and however many collectors look at once", {
  timeout: 300_000,
}, async () => {
  let example = 0;
  await fc.assert(
    fc.asyncProperty(
      anyRows,
      fc.infiniteStream(fc.nat()),
      fc.integer({ min: 1, max: 4 }),
      async (plan, noise, parts) => {
        example += 1;
        // The same plan again is another agent's run: its answers have ids of their own.
        const inRun = (runId: string) =>
          rowsOf(plan).map((one) => ({
            ...one,
            run_id: runId,
            agent_name: runId,
            response_id: one.response_id && `${runId} ${one.response_id}`,
          }));
        const [whole, split] = [`whole ${example}`, `split ${example}`];
        if (plan.length === 0) return;
        await arrive(...inRun(whole));

        const shuffled = inRun(split)
          .map((one) => ({ one, key: noise.next().value ?? 0 }))
          .sort((a, b) => a.key - b.key)
          .map(({ one }) => one);
        const size = Math.ceil(shuffled.length / parts);
        const batches = Array.from({ length: parts }, (_, n) => shuffled.slice(n * size, (n + 1) * size)).filter(
          (batch) => batch.length > 0,
        );
        // Two collectors, each with every other batch, and both with the last.
        const collectors = [0, 1].map(async (which) => {
          for (const batch of batches.filter((_, n) => n % 2 === which)) await arrive(...batch);
          await createResolver(rows).rowsInserted(batches.at(-1) ?? []);
        });
        await Promise.all(collectors);
        expect(await sumsOf(split)).toEqual(await sumsOf(whole));
        expect(await usageOf(split)).toEqual(await usageOf(whole));
        expect(await usageOf(whole)).toMatchObject({
          llm_calls: (await sumsOf(whole)).llm_calls,
          steps: (await sumsOf(whole)).steps,
        });
      },
    ),
    { numRuns: 6 },
  );
});
