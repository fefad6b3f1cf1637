import type { StepRow } from "@runledger/contract";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anyRows, rowsOf } from "./any-rows.suite.ts";
import { correctionRows } from "./correction-row.ts";
import { asking, given, llm, row, tool } from "./facts.fixture.ts";
import { readRun, resolveRuns } from "./resolve-run.ts";
import { runOfRows } from "./run-of-rows.ts";

const AGENT = { run_id: "agent", scope_name: "outer", response_id: "chatcmpl-1" };
const BARE = { run_id: "bare", scope_name: "inner", dialect: "otel-genai", response_id: "chatcmpl-1" };

function resolve(...rows: StepRow[]) {
  return resolveRuns([...Map.groupBy(rows, ({ run_id }) => run_id).values()].map((of) => readRun(runOfRows(of, null))));
}

/** What does not count, and what counts instead, as run/name. */
function uncounted(...rows: StepRow[]): [string, string][] {
  const nameOf = new Map(rows.map(({ record_id, run_id, name }) => [record_id, `${run_id}/${name}`]));
  return resolve(...rows).uncounted.map(({ fact, sameCallAs }) => [
    nameOf.get(fact.record_id) ?? "",
    nameOf.get(sameCallAs.record_id) ?? "",
  ]);
}

describe("a model call that two runs tell of", () => {
  it("counts once, in the run where it is below something", () => {
    const rows = [llm("a", [0, 100], "root", [10, 5], AGENT), llm("b", [1, 99], "", [10, 5], BARE)];
    expect(uncounted(...rows)).toEqual([["bare/b", "agent/a"]]);
    expect(correctionRows(resolve(...rows))).toMatchObject([
      { run_id: "bare", same_call_in: "agent", llm_calls: -1, input_tokens: -10, output_tokens: -5 },
    ]);
  });

  it("counts where its usage is known, and is given there what only the other knows", () => {
    const unknown = llm("a", [0, 100], "root", null, AGENT);
    expect(uncounted(unknown, llm("b", [1, 99], "", [10, 5], BARE))).toEqual([["agent/a", "bare/b"]]);
    const cached = llm("b", [1, 99], "", [10, 5], { ...BARE, cache_read_tokens: 8 });
    const found = resolve(llm("a", [0, 100], "root", [10, 5], AGENT), cached);
    expect(found.filled).toMatchObject([{ fact: { run_id: "agent" }, usage: { cache_read_tokens: 8 } }]);
  });

  it.each([
    ["another id", { response_id: "chatcmpl-2" }],
    ["no id", { response_id: "" }],
    ["another model", { request_model: "claude" }],
    ["the same instrumentation, as a test server or a cache gives", { scope_name: "outer" }],
  ])("is two with %s", (_, facts) => {
    const other = llm("b", [1, 99], "", [10, 5], { ...BARE, ...facts });
    expect(uncounted(llm("a", [0, 100], "root", [10, 5], AGENT), other)).toEqual([]);
  });

  it("is two when one was over before the other began, as of a run that is replayed or answered from a cache", () => {
    const later = llm("b", [300, 400], "", [10, 5], BARE);
    expect(uncounted(llm("a", [0, 100], "root", [10, 5], AGENT), later)).toEqual([]);
  });

  it("is one with each, when a server gives several calls the same id", () => {
    const agents = [1, 2].map((n) => llm("a", [n, 100], "root", [10, 5], { ...AGENT, run_id: `agent ${n}` }));
    const bare = [1, 2].map((n) => llm("b", [n + 2, 99], "", [10, 5], { ...BARE, run_id: `bare ${n}` }));
    expect(uncounted(...agents, ...bare).sort()).toEqual([
      ["bare 1/b", "agent 1/a"],
      ["bare 2/b", "agent 2/a"],
    ]);
  });
});

describe("a tool that two runs tell of", () => {
  const asks = asking(["call_0", "search", "{}"]);
  const calls = [
    llm("a", [0, 100], "root", [10, 5], { ...AGENT, ...asks }),
    llm("b", [1, 99], "", [10, 5], { ...BARE, ...asks }),
  ];
  const next = (facts: Partial<StepRow>) =>
    llm("next", [300, 400], "root", [1, 1], { ...facts, response_id: "chatcmpl-2", ...given(["call_0", "42"]) });

  it("is one call when the model call that asked for it is", () => {
    const spans = [
      tool("t", [110, 200], "root", { run_id: "agent", scope_name: "outer", tool_call_id: "call_0" }),
      tool("t", [111, 199], "", { run_id: "bare", scope_name: "inner", tool_call_id: "call_0" }),
    ];
    expect(uncounted(...calls, ...spans)).toContainEqual(["bare/t", "agent/t"]);
    const [a] = calls;
    expect(a && uncounted(a, ...spans)).toEqual([]);
  });

  it("is inferred once, where the call counts that asked for it", () => {
    const found = resolve(...calls, next(AGENT), next(BARE)).inferred;
    expect(found.map(({ requestedBy, callId }) => [requestedBy.run_id, callId])).toEqual([["agent", "call_0"]]);
  });

  it("is inferred once, where its id is known, when the other tells no ids or throws parallel calls together", () => {
    const two = asking(["call_0", "look", "{}"], ["call_1", "search", "{}"]);
    const both = (other: Partial<StepRow>) => [
      llm("a", [0, 100], "root", null, { ...AGENT, ...two }),
      llm("b", [1, 99], "", [10, 5], { ...BARE, ...other }),
    ];
    const over = (facts: Partial<StepRow>) =>
      llm("next", [300, 400], "root", [1, 1], {
        ...facts,
        response_id: "chatcmpl-2",
        ...given(["call_0", "1"], ["call_1", "2"]),
      });
    for (const other of [asking(["", "look", "{}"], ["", "search", "{}"]), asking(["", "search", "{}{}"])]) {
      const found = resolve(...both(other), over(AGENT), over(BARE));
      expect(found.uncounted).toContainEqual(
        expect.objectContaining({ fact: expect.objectContaining({ run_id: "agent" }) }),
      );
      expect(found.inferred.map(({ requestedBy, callId }) => [requestedBy.run_id, callId])).toEqual([
        ["agent", "call_0"],
        ["agent", "call_1"],
      ]);
    }
  });

  it("is not inferred where the other run has a span of it", () => {
    const span = tool("t", [110, 200], "", { run_id: "bare", scope_name: "inner", tool_call_id: "call_0" });
    expect(resolve(...calls, next(AGENT), next(BARE), span).inferred).toEqual([]);
  });
});

it("says the same of the same runs, whatever their order, and takes no more away than there is", () => {
  fc.assert(
    fc.property(fc.array(anyRows, { minLength: 2, maxLength: 3 }), fc.infiniteStream(fc.nat()), (plans, noise) => {
      const rows = plans.flatMap((plan, n) =>
        rowsOf(plan).map((one) => ({
          ...row(one.name, 0, 0, ""),
          ...one,
          run_id: `run ${n}`,
          record_id: `${n} ${one.record_id}`,
          parent_id: one.parent_id,
        })),
      );
      const shuffled = rows
        .map((one) => ({ one, key: noise.next().value ?? 0 }))
        .sort((a, b) => a.key - b.key)
        .map(({ one }) => one);
      const [found, again] = [rows, shuffled].map((some) =>
        correctionRows(resolve(...some))
          .map(({ record_id, content_sha256 }) => `${record_id} ${content_sha256}`)
          .sort(),
      );
      expect(again).toEqual(found);
      expect(new Set(found?.map((text) => text.split(" ").slice(0, 2).join())).size).toBe(found?.length);
    }),
    { numRuns: 300 },
  );
});
