import { SILENCE_ABANDONS_MS, type StepRow } from "@runledger/contract";
import type { Rows } from "@runledger/storage";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { anyRows, rowsOf } from "./any-rows.suite.ts";
import { asking, given, llm, row, tool } from "./facts.fixture.ts";
import { createResolver } from "./resolver.ts";
import { INNER, openResolverStage, type ResolverStage } from "./resolver-stage.fixture.ts";

let stage: ResolverStage;
let rows: Rows;
beforeAll(async () => {
  stage = await openResolverStage();
  rows = stage.rows;
});
afterAll(() => stage.close());

async function shownSteps(runId: string): Promise<string[]> {
  const found = await rows.query<{ shown: string }>(
    `SELECT concat(kind, ' ', name, if(tool_inferred, ' inferred', '')) AS shown FROM all_steps WHERE run_id = {run_id:String}
     ORDER BY start_time, record_id`,
    { run_id: runId },
  );
  return found.map(({ shown }) => shown);
}

it("takes back what a twin counted, in the run and in the rollup, and counts it again when a late span tells otherwise", async () => {
  const facts = { run_id: "twins", agent_name: "twins" };
  const outer = llm("outer", [0, 100], "", [10, 5], { ...facts, cost_usd: "0.25" });
  await stage.arrive(outer);
  await stage.arrive(llm("inner", [10, 90], "outer", [10, 5], { ...facts, ...INNER }));
  const once = { steps: 2, llm_calls: 1, tool_calls: 0, tokens: 10, missing: 0, cost: "0.25" };
  expect(await stage.sumsOf("twins")).toMatchObject(once);
  expect(await stage.usageOf("twins")).toMatchObject(once);

  await stage.arrive(llm("second", [95, 99], "outer", [7, 1], { ...facts, ...INNER }));
  await stage.arrive(llm("third", [99, 100], "outer", [7, 1], { ...facts, ...INNER }));
  expect(await stage.sumsOf("twins")).toMatchObject({ llm_calls: 3, tokens: 24, cost: "0.75" });
  await stage.arrive(llm("end", [10, 90], "inner", [11, 5], { ...facts, ...INNER, request_model: "other" }));
  expect(await stage.sumsOf("twins")).toMatchObject({ llm_calls: 4, tokens: 35, cost: "1" });
  expect(await stage.usageOf("twins")).toMatchObject({ llm_calls: 4, tokens: 35, cost: "1" });
});

it("takes back that tokens are missing, when a twin tells them or the call is none", async () => {
  const facts = { run_id: "partly", agent_name: "partly" };
  const partly = { ...facts, input_tokens: null, cost_usd: "0.25" };
  await stage.arrive(llm("inner", [10, 90], "outer", [0, 5], { ...partly, ...INNER, input_tokens: null }));
  const embeds = { ...facts, operation: "embeddings", output_tokens: null };
  await stage.arrive(llm("embeds", [120, 140], "around", [4, 0], { ...embeds, ...INNER }));
  expect(await stage.sumsOf("partly")).toMatchObject({ llm_calls: 2, missing: 0, missingIn: 1, missingOut: 0 });
  await stage.arrive(llm("outer", [0, 100], "", [10, 5], { ...facts, cost_usd: null }));
  await stage.arrive(llm("around", [119, 141], "", null, embeds));
  const once = { llm_calls: 2, tokens: 14, missing: 0, missingIn: 0, missingOut: 0 };
  expect(await stage.sumsOf("partly")).toMatchObject(once);
  expect(await stage.usageOf("partly")).toMatchObject(once);
});

it("shows a tool call from the messages, and no more once its span comes", async () => {
  const facts = { run_id: "late", agent_name: "late" };
  await stage.arrive(llm("asks", [0, 100], "agent", null, { ...facts, ...asking(["c1", "look up", "{}"]) }));
  expect(await stage.sumsOf("late")).toMatchObject({ steps: 1, tool_calls: 0, tools: [] });
  await stage.arrive(llm("next", [300, 400], "agent", null, { ...facts, ...given(["c1", "42"]) }));
  expect(await stage.sumsOf("late")).toMatchObject({ steps: 3, tool_calls: 1, tools: ["look up"], missing: 2 });
  expect(await stage.usageOf("late")).toMatchObject({ steps: 3, tool_calls: 1, tokens: null });
  expect(await shownSteps("late")).toEqual(["llm asks", "tool look up inferred", "llm next"]);

  await stage.arrive(tool("span", [110, 290], "", { ...facts, tool_name: "look up", tool_call_id: "c1" }));
  expect(await stage.sumsOf("late")).toMatchObject({ steps: 3, tool_calls: 1, tools: ["look up"] });
  expect(await stage.usageOf("late")).toMatchObject({ steps: 3, tool_calls: 1 });
  expect(await shownSteps("late")).toEqual(["llm asks", "tool span", "llm next"]);
});

it("counts what was only asked for as a call of which nobody knows how it went, until its result or another's span tells", async () => {
  const facts = { run_id: "unknown", agent_name: "unknown" };
  const counts = async () => {
    const { tool_calls, unknown } = await stage.sumsOf("unknown");
    expect(await stage.usageOf("unknown")).toMatchObject({ tool_calls, unknown });
    return [tool_calls, unknown];
  };
  await stage.arrive(llm("asks", [0, 100], "agent", null, { ...facts, ...asking(["c1", "look up", "{}"]) }));
  await stage.arrive(llm("goes on", [300, 400], "agent", null, facts));
  expect(await counts()).toEqual([1, 1]);
  await stage.arrive(llm("next", [500, 600], "agent", null, { ...facts, ...given(["c1", "42"]) }));
  expect(await counts()).toEqual([1, 0]);

  const own = tool("own", [700, 900], "agent", {
    ...facts,
    dialect: "runledger",
    scope_name: "own",
    tool_call_id: "c2",
  });
  await stage.arrive({ ...own, tool_inferred: true, arguments_sha256: "a" });
  expect(await counts()).toEqual([2, 1]);
  await stage.arrive(tool("span", [710, 890], "agent", { ...facts, tool_call_id: "c2" }));
  expect(await counts()).toEqual([2, 0]);
});

it("infers what was asked for last when the run is over", async () => {
  const facts = { run_id: "over" };
  await stage.arrive(llm("asks", [0, 100], "agent", [1, 1], { ...facts, ...asking(["c1", "search", "{}"]) }));
  await stage.arrive(row("agent", 0, 200, "", { ...facts, kind: "agent", event: "run_end", end_status: "failed" }));
  expect(await shownSteps("over")).toEqual(["llm asks", "tool search inferred"]);
});

it("infers what was asked for last when the run was abandoned, and no more once it goes on", async () => {
  const facts = { run_id: "silent", agent_name: "silent" };
  const asks = llm("asks", [0, 100], "agent", [1, 1], { ...facts, ...asking(["c1", "search", "{}"]) });
  const received = Date.parse(asks.received_time);
  let nowMs = received + 1_000;
  const resolver = createResolver(rows, { nowMs: () => nowMs });
  await stage.insert([asks]);
  await resolver.rowsInserted([asks]);
  const since = await resolver.abandoned(received - 3_600_000);
  expect(await shownSteps("silent")).toEqual(["llm asks"]);

  nowMs = received + SILENCE_ABANDONS_MS + 2_000;
  const next = await resolver.abandoned(since);
  expect(next).toBe(received + 2_000);
  expect(await shownSteps("silent")).toEqual(["llm asks", "tool search inferred"]);
  expect(await stage.sumsOf("silent")).toMatchObject({ steps: 2, tool_calls: 1 });

  const span = tool("span", [110, 290], "agent", {
    ...facts,
    tool_name: "search",
    tool_call_id: "c1",
    received_time: new Date(nowMs).toISOString().replace("Z", "000000Z"),
  });
  await stage.insert([span]);
  await resolver.rowsInserted([span]);
  expect(await shownSteps("silent")).toEqual(["llm asks", "tool span"]);
  expect(await stage.sumsOf("silent")).toMatchObject({ steps: 2, tool_calls: 1 });
  await resolver.abandoned(next);
  expect(await shownSteps("silent")).toEqual(["llm asks", "tool span"]);
});

it("writes nothing for our own SDK's runs, nor twice for the same", async () => {
  const count = async () => (await rows.query<{ n: string }>("SELECT sum(version) AS n FROM corrections FINAL"))[0]?.n;
  const before = await count();
  const own = { run_id: "own", dialect: "runledger", ...asking(["c1", "search", "{}"]) };
  await stage.arrive(
    llm("outer", [0, 100], "", [1, 1], own),
    llm("inner", [10, 90], "outer", [1, 1], { ...own, ...INNER }),
  );
  expect(await count()).toBe(before);
  const twins = [
    llm("outer", [0, 100], "", [1, 1], { run_id: "again" }),
    llm("inner", [10, 90], "outer", [1, 1], { run_id: "again", ...INNER }),
  ];
  await stage.arrive(...twins);
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
  await stage.insert(twins);
  expect(await stage.sumsOf("crash")).toMatchObject({ llm_calls: 2 });
  const interrupted: Rows = { ...rows, command: () => Promise.reject(new Error("crash")) };
  await expect(createResolver(interrupted).rowsInserted(twins)).rejects.toThrow("crash");
  expect(await stage.sumsOf("crash")).toMatchObject({ llm_calls: 2 });
  await createResolver(rows).rowsInserted(twins);
  expect(await stage.sumsOf("crash")).toMatchObject({ llm_calls: 1 });
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
  await stage.arrive(...turns("at once").flat(), end("at once"));
  expect(await stage.sumsOf("at once")).toMatchObject(expected);

  const pieces = { maxRecordsAtOnce: 10, pieceFacts: 6, marginFacts: 8 };
  const inPieces = createResolver(rows, pieces);
  const late = turns("grown").slice(6, 8).flat();
  for (const batch of [...turns("grown").filter((_, n) => n < 6 || n >= 8), late, [end("grown")]]) {
    await stage.insert(batch);
    await inPieces.rowsInserted(batch);
  }
  expect(await stage.sumsOf("grown")).toMatchObject(expected);

  await stage.insert([...turns("afterwards").flat(), end("afterwards")]);
  await inPieces.everything();
  expect(await stage.sumsOf("afterwards")).toMatchObject(expected);
});

it("counts calls of two agents as two once both agents are known, in a run that is looked at piece by piece", async () => {
  const facts = { run_id: "agents", agent_name: "agents" };
  const agent = (key: string) => row(key, 0, 8_000, "V", { ...facts, kind: "agent", agent_name: key });
  const calls = Array.from({ length: 8 }, (_, n) => [
    llm(`a ${n}`, [n * 1_000, n * 1_000 + 500], "chain", [240, 1], facts),
    llm(`b ${n}`, [n * 1_000 + 2, n * 1_000 + 498], "judge2", [240, 1], { ...facts, ...INNER }),
  ]).flat();
  const inPieces = createResolver(rows, { maxRecordsAtOnce: 6, pieceFacts: 8, marginFacts: 4 });
  const arrived = async (...batch: StepRow[]) => {
    await stage.insert(batch);
    await inPieces.rowsInserted(batch);
    return (await stage.sumsOf("agents")).llm_calls;
  };
  expect(await arrived(...calls, row("chain", 0, 8_000, "judge1", facts), agent("judge1"))).toBe(8);
  expect(await arrived(agent("judge2"))).toBe(16);
});

it("asks for more parents at once than a parameter of ClickHouse has room for", async () => {
  const batch = Array.from({ length: 8_000 }, (_, n) => {
    const id = n.toString().padStart(14, "0");
    const facts = { run_id: "many parents", agent_name: "many parents" };
    return [row(`c-${id}`, n, n + 1, "", facts), llm(`m-${id}`, [n, n + 1], `c-${id}`, [n, 5], facts)];
  }).flat();
  await stage.insert(batch);
  await createResolver(rows, { maxRecordsAtOnce: 10, pieceFacts: 8_000, marginFacts: 2 }).rowsInserted(batch);
  expect(await stage.sumsOf("many parents")).toMatchObject({ steps: 16_000, llm_calls: 8_000 });
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
        await stage.arrive(...inRun(whole));

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
          for (const batch of batches.filter((_, n) => n % 2 === which)) await stage.arrive(...batch);
          await createResolver(rows).rowsInserted(batches.at(-1) ?? []);
        });
        await Promise.all(collectors);
        expect(await stage.sumsOf(split)).toEqual(await stage.sumsOf(whole));
        expect(await stage.usageOf(split)).toEqual(await stage.usageOf(whole));
        expect(await stage.usageOf(whole)).toMatchObject({
          llm_calls: (await stage.sumsOf(whole)).llm_calls,
          steps: (await stage.sumsOf(whole)).steps,
        });
      },
    ),
    { numRuns: 6 },
  );
});
