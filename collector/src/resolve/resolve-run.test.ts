import type { StepRow } from "@runledger/contract";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anyRows, rowsOf } from "./any-rows.suite.ts";
import { asking, at, given, hash, llm, row, tool } from "./facts.fixture.ts";
import { type Resolution, resolveRun } from "./resolve-run.ts";
import { correctionsOfRows, runOfRows } from "./run-of-rows.ts";

const INNER = { scope_name: "inner", dialect: "otel-genai" };
const over = row("agent", 0, 10_000, "", { kind: "agent" });

function resolve(rows: readonly StepRow[], overTime: string | null = at(10_000)): Resolution {
  return resolveRun(runOfRows(rows, overTime));
}

/** Names of the records that do not count, and of those that do instead. */
function uncounted(...rows: StepRow[]): [string, string][] {
  const nameOf = new Map(rows.map(({ record_id, name }) => [record_id, name]));
  return resolve(rows).uncounted.map(({ fact, sameCallAs }) => [
    nameOf.get(fact.record_id) ?? "",
    nameOf.get(sameCallAs.record_id) ?? "",
  ]);
}

describe("two records of one model call", () => {
  it.each([
    ["the same response id", [10, 5], [12, 5], { response_id: "r" }],
    ["equal tokens", [10, 5], [10, 5], {}],
    ["tokens that are equal but for the cached ones", [10, 5], [110, 5], { cache_read_tokens: 100 }],
    ["usage that only the inner one knows", null, [10, 5], {}],
    ["usage that neither knows", null, null, {}],
  ] as const)("nested, with %s, are one, and the inner one counts", (_, outer, inner, facts) => {
    const found = uncounted(
      over,
      llm("outer", [0, 100], "agent", outer && [...outer], "response_id" in facts ? facts : {}),
      llm("inner", [10, 90], "outer", inner && [...inner], { ...INNER, ...facts }),
    );
    expect(found).toEqual([["outer", "inner"]]);
  });

  it("are told by the outer one when only that knows the usage", () => {
    const rows = [llm("outer", [0, 100], "", [10, 5]), llm("inner", [10, 90], "outer", null, INNER)];
    expect(uncounted(...rows)).toEqual([["inner", "outer"]]);
  });

  it("are one also with other spans between them, and when there are three", () => {
    const rows = [
      llm("a", [0, 100], "agent", [10, 5]),
      row("chain", 1, 99, "a"),
      llm("b", [2, 98], "chain", null, INNER),
      llm("c", [3, 97], "b", [10, 5], { scope_name: "innermost" }),
    ];
    expect(uncounted(over, ...rows)).toEqual([
      ["a", "c"],
      ["b", "c"],
    ]);
  });

  it("fill up what the one that counts does not know", () => {
    const rows = [
      llm("outer", [0, 100], "", [10, 5], { reasoning_tokens: 3, cost_usd: "0.1", cache_read_tokens: 7 }),
      llm("inner", [10, 90], "outer", [10, 5], { ...INNER, cost_usd: "0.2", cache_read_tokens: 0 }),
    ];
    expect(resolve(rows).filled).toMatchObject([
      { fact: { step_id: rows[1]?.step_id }, usage: { reasoning_tokens: 3 } },
    ]);
    expect(Object.keys(resolve(rows).filled[0]?.usage ?? {})).toEqual(["reasoning_tokens"]);
  });

  it.each([
    ["another model", { request_model: "gpt-4o-mini" }, [10, 5]],
    ["clearly different tokens", {}, [99, 50]],
    ["a time that is not within", { end_time: at(500) }, [10, 5]],
  ] as const)("are two with %s", (_, facts, tokens) => {
    const rows = [
      llm("outer", [0, 100], "", [10, 5]),
      llm("inner", [10, 90], "outer", [...tokens], { ...INNER, ...facts }),
    ];
    expect(uncounted(...rows)).toEqual([]);
  });

  it.each([
    ["gpt-4o", "gpt-4o-2024-08-06", true],
    ["openai/gpt-4o", "gpt-4o", true],
    ["us.anthropic.claude-3-5-sonnet-20240620-v1:0", "claude-3-5-sonnet", true],
    ["gpt-4", "gpt-4-32k", false],
    ["claude-sonnet-4", "claude-sonnet-4-5", false],
  ])("%s and %s are one model: %s", (a, b, same) => {
    const rows = [
      llm("outer", [0, 100], "", [10, 5], { request_model: a }),
      llm("inner", [10, 90], "outer", [10, 5], { ...INNER, request_model: b }),
    ];
    expect(uncounted(...rows)).toHaveLength(same ? 1 : 0);
  });
});

describe("calls that are made at once", () => {
  const fanOut = (calls: number, prompt: (n: number) => string, named: "inner" | "none" | "both") =>
    Array.from({ length: calls }, (_, n) => {
      const id = (who: "inner" | "outer") =>
        named === "both" || named === who ? { response_id: `chatcmpl-00000000${n}` } : {};
      const asked = { prompt_sha256: prompt(n), input_preview: prompt(n) };
      return [
        llm(`outer ${n}`, [n, 800 + n], "agent", [30, 1], { ...asked, ...id("outer") }),
        llm(`inner ${n}`, [n + 10, 790 + n], `outer ${n}`, [30, 1], { ...INNER, ...asked, ...id("inner") }),
      ];
    }).flat();
  it.each([1, 2, 4, 8, 16])(
    "are %i, whatever they have in common, when two instrumentations tell of each, nested",
    (calls) => {
      for (const prompt of [() => "the same", (n: number) => `question ${n}`])
        for (const named of ["inner", "none", "both"] as const) {
          const rows = fanOut(calls, prompt, named);
          expect(uncounted(over, ...rows).toSorted()).toEqual(
            Array.from({ length: calls }, (_, n) => [`outer ${n}`, `inner ${n}`]).toSorted(),
          );
        }
    },
  );

  it("are told by a third one beside them, once each", () => {
    const beside = Array.from({ length: 4 }, (_, n) =>
      llm(`beside ${n}`, [n + 5, 795 + n], "agent", [30, 1], { scope_name: "third", input_preview: `question ${n}` }),
    );
    const rows = [...fanOut(4, (n) => `question ${n}`, "inner"), ...beside];
    expect(rows.length - uncounted(over, ...rows).length).toBe(4);
  });

  it.each([
    ["the same words, of which one knows no more", {}, { input_preview: "Is Paris in France?" }, 1],
    ["other words", { input_preview: "Is Bonn in France?" }, { input_preview: "Is Paris in France?" }, 2],
    ["other answers", { output_preview: "no" }, { output_preview: "yes" }, 2],
  ])("and have as many tokens are one or two by their words: %s", (_, a, b, calls) => {
    const rows = [
      llm("a", [0, 800], "agent", [30, 1], a),
      llm("b", [5, 790], "agent", [30, 1], { ...INNER, ...b, response_id: "chatcmpl-000000001" }),
    ];
    expect(rows.length - uncounted(over, ...rows).length).toBe(calls);
  });
});

it("takes an embedding for one that two told of side by side, though one of them does not tell its text, and both no output", () => {
  const embedding = { operation: "embeddings", request_model: "text-embedding-3-small", output_tokens: null };
  const rows = [
    llm("a", [0, 20], "agent", null, embedding),
    llm("within a", [0, 19], "a", [10, 0], embedding),
    llm("b", [5, 15], "agent", [10, 0], { ...embedding, ...INNER, output_tokens: 0, input_preview: "a text" }),
    llm("another", [5, 15], "agent", [11, 0], { ...embedding, ...INNER, input_preview: "a text" }),
  ];
  expect(uncounted(over, ...rows)).toHaveLength(2);
});

it("takes a stream for one that two told of side by side, the one its answer's id and the other its tokens, by the results it was given", () => {
  const results = given(["call_0123456789", "42"]);
  const words = { input_preview: "42", output_preview: "So many." };
  const told = (key: string, tokens: [number, number] | null, facts: Partial<StepRow>) =>
    llm(key, [0, 100], "agent", tokens, { ...words, ...results, prompt_sha256: hash(key), ...facts });
  const one = told("a", [10, 5], {});
  expect(uncounted(over, one, told("b", null, { ...INNER, response_id: "chatcmpl-1" }))).toEqual([["b", "a"]]);
  expect(uncounted(over, one, told("b", null, { ...INNER, output_preview: "None." }))).toEqual([]);
  expect(uncounted(over, one, told("b", null, { ...INNER, ...given(["call_9876543210", "42"]) }))).toEqual([]);
});

describe("two calls beside one another, as alike as two instrumentations of one would tell them,", () => {
  const agent = (key: string, agent_name: string, parent = "agent", facts: Partial<StepRow> = {}) =>
    row(key, 0, 5_000, parent, { kind: "agent", agent_name, ...facts });
  const judge = agent("judge", "judge1");
  const words = { input_preview: "spam?", output_preview: "yes", prompt_sha256: hash("spam?") };
  const calls = (other: StepRow[], above: string, a: Partial<StepRow> = {}, b: Partial<StepRow> = {}) => {
    const rows = [
      llm("a", [10, 910], "judge", [240, 1], a),
      llm("b", [12, 907], above, [240, 1], { ...INNER, ...b }),
      ...[over, judge, ...other],
    ];
    return 2 - uncounted(...rows).length;
  };
  it.each<[string, Partial<StepRow>, Partial<StepRow>]>([
    ["the same words", words, words],
    ["no words", {}, {}],
    ["words of one", words, {}],
    ["the answer's id of one", { ...words, response_id: "chatcmpl-1" }, words],
  ])("are two under agents of different names, with %s", (_, a, b) => {
    expect(calls([agent("other", "judge2")], "other", a, b)).toBe(2);
    expect(calls([row("chain", 1, 950, "other"), agent("other", "judge2")], "chain", a, b)).toBe(2);
  });
  it("are one where the agents may be one: of one name, one in the other, or not told", () => {
    expect(calls([agent("other", "judge1", "agent", INNER)], "other")).toBe(1);
    expect(calls([agent("other", "executor", "judge")], "other")).toBe(1);
    expect(calls([agent("other", "executor", "chain"), row("chain", 1, 950, "judge")], "other")).toBe(1);
    expect(calls([agent("other", "")], "other")).toBe(1);
    expect(calls([], "other")).toBe(1);
    expect(calls([], "agent")).toBe(1);
    expect(calls([row("other", 0, 5_000, "agent", { agent_name: "judge2" })], "other")).toBe(1);
  });
  it.each(["Judge1", "Judge 1", "judge_1", "JUDGE-1", "judge.1"])("are one where %s is the agent judge1", (name) => {
    expect(calls([agent("other", name)], "other")).toBe(1);
  });
  it("are one by the provider's ids, whatever the agents are called", () => {
    const other = [agent("other", "judge2")];
    const [id, asks] = [{ response_id: "chatcmpl-1" }, asking(["call_0123456789abcdef", "search", "{}"])];
    expect(calls(other, "other", id, id)).toBe(1);
    expect(calls(other, "other", asks, asks)).toBe(1);
    expect(calls(other, "other", asking(["call_0", "search", "{}"]), asking(["call_0", "search", "{}"]))).toBe(2);
  });
  it("are told apart also from those that a third instrumentation tells of beside the agents", () => {
    const third = llm("c", [11, 908], "agent", [240, 1], { scope_name: "third" });
    const rows = [llm("a", [10, 910], "judge", [240, 1]), third, llm("b", [12, 907], "other", [240, 1], INNER)];
    expect(uncounted(over, judge, agent("other", "judge2"), ...rows)).toEqual([["c", "a"]]);
  });
});

describe("an outer record around several calls", () => {
  const attempts = [
    llm("first", [10, 20], "outer", null, { ...INNER, status: "error" }),
    llm("second", [30, 90], "outer", [10, 5], INNER),
  ];
  it("is the last of them when it has its tokens, and the attempts of a retry are calls of their own", () => {
    expect(uncounted(llm("outer", [0, 100], "", [10, 5]), ...attempts)).toEqual([["outer", "second"]]);
    expect(uncounted(llm("outer", [0, 100], "", null), ...attempts)).toEqual([["outer", "second"]]);
  });
  it("is none of them when it has the tokens of all, and does not count", () => {
    const calls = [llm("one", [10, 20], "outer", [10, 5], INNER), llm("two", [30, 90], "outer", [20, 6], INNER)];
    expect(uncounted(llm("outer", [0, 100], "", [30, 11]), ...calls)).toEqual([["outer", "two"]]);
    expect(uncounted(llm("outer", [0, 100], "", [31, 11]), ...calls)).toEqual([]);
  });
});

describe("records beside one another", () => {
  const a = llm("a", [0, 100], "agent", [10, 5], { response_id: "r" });
  it("are one call with the same response id, at one time, by different instrumentations", () => {
    expect(uncounted(over, a, llm("b", [5, 95], "agent", null, { ...INNER, response_id: "r" }))).toEqual([["b", "a"]]);
    expect(uncounted(over, a, llm("b", [300, 400], "agent", [10, 5], { ...INNER, response_id: "r" }))).toEqual([]);
    expect(uncounted(over, a, llm("b", [5, 95], "agent", [10, 5], { response_id: "r" }))).toEqual([]);
  });
  it("are one call with the same prompt when one knows neither id nor tokens, as of a stream", () => {
    const asked = { prompt_sha256: hash("prompt") };
    const blind = (key: string, time: [number, number]) => llm(key, time, "agent", null, { ...INNER, ...asked });
    const seen = llm("a", [0, 100], "agent", [10, 5], { response_id: "r", ...asked });
    expect(uncounted(over, seen, blind("b", [5, 95]))).toEqual([["b", "a"]]);
    expect(uncounted(over, seen, blind("b", [300, 400]))).toEqual([]);
    expect(uncounted(over, seen, { ...blind("b", [5, 95]), input_tokens: 99, output_tokens: 9 })).toEqual([]);
    expect(uncounted(over, seen, { ...blind("b", [5, 95]), prompt_sha256: hash("another") })).toEqual([]);
    expect(uncounted(over, seen, { ...blind("b", [5, 95]), status: "error" })).toEqual([]);
    expect(uncounted(over, seen, { ...blind("b", [5, 95]), scope_name: "outer" })).toEqual([]);
  });
  it("are two where the one begins when the other is over, however soon, with the same prompt or tokens too", () => {
    const short = (key: string, time: [number, number], facts: Partial<StepRow>) =>
      llm(key, time, "agent", [10, 5], { prompt_sha256: hash("prompt"), ...facts });
    const first = short("a", [0, 20], {});
    expect(uncounted(over, first, short("b", [2, 19], INNER))).toEqual([["b", "a"]]);
    expect(uncounted(over, first, short("b", [21, 45], INNER))).toEqual([]);
    // The clock was set back while they went on.
    expect(uncounted(over, short("a", [20, 0], {}), short("b", [20, 0], INNER))).toHaveLength(1);
  });
  it("are as many calls as one of the instrumentations tells of", () => {
    const twice = (key: string, facts: Partial<StepRow>) => [
      llm(`${key} 1`, [0, 100], "agent", [10, 5], { ...facts, response_id: "same for all" }),
      llm(`${key} 2`, [1, 101], "agent", [10, 5], { ...facts, response_id: "same for all" }),
    ];
    expect(uncounted(over, ...twice("a", {}), ...twice("b", INNER))).toHaveLength(2);
  });
});

it("the same span sent twice with other content is one call", () => {
  const twice = llm("call", [0, 100], "", [10, 5]);
  expect(
    resolve([twice, { ...twice, record_id: hash("again"), input_tokens: null, output_tokens: null }]).uncounted,
  ).toHaveLength(1);
});

describe("two records of one tool call", () => {
  const args = { arguments_sha256: hash("{}") };
  it.each([
    ["nested, by different instrumentations", [10, 90], "outer", INNER, true],
    ["nested, by the same one", [10, 90], "outer", {}, false],
    ["nested, with other arguments", [10, 90], "outer", { ...INNER, arguments_sha256: hash("[]") }, false],
    ["beside it, with its call id", [10, 90], "agent", { ...INNER, tool_call_id: "c" }, true],
    [
      "beside it and later, with its call id: another attempt",
      [300, 400],
      "agent",
      { ...INNER, tool_call_id: "c" },
      false,
    ],
  ] as const)("%s", (_, time, parent, facts, same) => {
    const outer = tool("outer", [0, 100], "agent", { ...args, tool_call_id: "c" });
    expect(uncounted(over, outer, tool("inner", [...time], parent, { ...args, ...facts }))).toHaveLength(same ? 1 : 0);
  });
});

describe("a tool call that left no span", () => {
  const asks = llm("asks", [0, 100], "agent", [1, 1], asking(["c1", "search", '{"q":1}']));
  const inferred = (rows: StepRow[], overTime: string | null = null) => resolve(rows, overTime).inferred;

  it("is inferred with its result once the model was given that", () => {
    const [found, ...more] = inferred([asks, llm("next", [250, 300], "agent", [1, 1], given(["c1", "42"]))]);
    expect(more).toEqual([]);
    expect(found).toMatchObject({
      name: "search",
      callId: "c1",
      argumentsSha256: hash('{"q":1}'),
      requestedBy: { step_id: asks.step_id },
      result: { sha256: hash("42"), bytes: 2 },
      startTime: at(100),
      endTime: at(250),
    });
  });
  it("is inferred without one when the run went on or is over, and not while it may be under way", () => {
    expect(inferred([asks])).toEqual([]);
    expect(inferred([asks], at(500))).toMatchObject([{ result: null, startTime: at(100), endTime: at(100) }]);
    expect(inferred([asks, llm("next", [250, 300], "agent", [1, 1])])).toMatchObject([{ result: null }]);
  });
  it.each([
    ["its call id", { tool_call_id: "c1", tool_name: "other" }, 0],
    ["its name and arguments", { arguments_sha256: hash('{"q":1}') }, 0],
    ["its name only", { arguments_sha256: hash("else") }, 0],
    ["another call's id", { tool_call_id: "c9" }, 0],
    ["another name", { tool_name: "other" }, 1],
  ] as const)("is not inferred when a step has %s", (_, facts, expected) => {
    expect(inferred([asks, tool("tool", [110, 120], "agent", facts)], at(500))).toHaveLength(expected);
  });
  it("is told from the others of the same name by its arguments, or else by their order", () => {
    const two = llm("asks", [0, 100], "agent", [1, 1], asking(["c1", "search", "1"], ["c2", "search", "2"]));
    const second = tool("tool", [110, 120], "agent", { arguments_sha256: hash("2") });
    expect(inferred([two, second], at(500))).toMatchObject([{ callId: "c1" }]);
    expect(inferred([two, tool("tool", [110, 120], "agent")], at(500))).toMatchObject([{ callId: "c2" }]);
  });
  it("is known by its arguments where its step is named after the tool's class", () => {
    const named = (name: string, given: string) =>
      tool("tool", [110, 120], "agent", { tool_name: name, arguments_sha256: hash(given) });
    const two = llm("asks", [0, 100], "agent", [1, 1], asking(["c1", "search", "1"], ["c2", "look", "{}"]));
    const ids = (step: StepRow) => inferred([two, step], at(500)).map(({ callId }) => callId);
    expect(ids(named("DynamicStructuredTool", "1"))).toEqual(["c2"]);
    expect(ids(named("DynamicStructuredTool", "3"))).toEqual(["c1", "c2"]);
    expect(ids(named("DynamicStructuredTool", "{}"))).toEqual(["c1", "c2"]);
    expect(ids(named("look", "1"))).toEqual(["c1"]); // by its name
  });
  it("is inferred once, whatever twins, logs and later messages repeat of it", () => {
    const twin = llm("twin", [10, 90], "asks", [1, 1], { ...INNER, ...asking(["c1", "search", '{"q":1}']) });
    const again = [1, 2, 3].map((n) => llm(`next ${n}`, [n * 200, n * 200 + 50], "agent", [n, n], given(["c1", "42"])));
    const log = { ...row("log", 20, 20, "asks", given(["c1", "42"])), event: "log" };
    expect(inferred([asks, twin, ...again, log])).toHaveLength(1);
  });
  it("is read from the log event of a model call whose span does not show it", () => {
    const silent = llm("asks", [0, 100], "agent", [1, 1]);
    const log = { ...row("log", 100, 100, "", asking(["c1", "search", ""])), event: "log", step_id: silent.step_id };
    expect(inferred([silent, log], at(500))).toMatchObject([
      { callId: "c1", startTime: at(100), requestedBy: { record_id: log.record_id } },
    ]);
  });
  it("has failed when its result says so", () => {
    const rows = [asks, llm("next", [250, 300], "agent", [1, 1], given(["c1", "Error: no such city"]))];
    expect(correctionsOfRows(rows, null)).toMatchObject([
      { what: "inferred", tool_calls: 1, tool_errors: 1, error_type: "tool_error" },
    ]);
    const [well] = correctionsOfRows([asks, llm("next", [250, 300], "agent", [1, 1], given(["c1", "42"]))], null);
    expect(well).toMatchObject({ what: "inferred", tool_errors: 0, error_type: "" });
  });
  describe("and has no id, nor its result", () => {
    const results = (rows: StepRow[]) => inferred(rows, at(9_000)).map(({ result }) => result?.sha256 ?? null);
    const asksFor = (key: string, startMs: number, parent: string, ...more: [string, string, string][]) =>
      llm(key, [startMs, startMs + 50], parent, [1, 1], asking(...more));
    const next = (key: string, startMs: number, parent: string, ...more: [string, string][]) =>
      llm(key, [startMs, startMs + 50], parent, [1, 1], given(...more));
    const [rome, paris, time] = [
      ["", "search", '"Rome"'],
      ["", "search", '"Paris"'],
      ["", "time", "{}"],
    ] as [string, string, string][] as [[string, string, string], [string, string, string], [string, string, string]];
    it("is given the results of its tool in order, whether one of them has a span or not", () => {
      const answers = next("next", 200, "agent", ["name search", "R"], ["name time", "T"], ["name search", "P"]);
      const rows = [asksFor("asks", 0, "agent", rome, paris, time), answers];
      expect(results(rows)).toEqual([hash("R"), hash("P"), hash("T")]);
      const span = tool("tool", [60, 70], "agent", { arguments_sha256: hash('"Rome"') });
      expect(results([...rows, span])).toEqual([hash("P"), hash("T")]);
      const twin = llm("twin", [201, 249], "next", [1, 1], { ...INNER, ...given(["name search", "R"]) });
      expect(results([...rows, twin])).toEqual([hash("R"), hash("P"), hash("T")]);
    });
    it("is given none of what was asked for before it, after it, or beside it", () => {
      const turns = [
        asksFor("first", 0, "agent", rome),
        { ...asksFor("second", 200, "agent", paris), ...given(["name time", "T"]) },
        next("third", 400, "agent", ["name search", "P"]),
      ];
      expect(results(turns)).toEqual([null, hash("P")]);
      const two = [row("a", 0, 900, "agent"), row("b", 0, 900, "agent")];
      const beside = [asksFor("of a", 0, "a", rome), asksFor("of b", 10, "b", paris)];
      const both = [next("then b", 200, "b", ["name search", "P"]), next("then a", 300, "a", ["name search", "R"])];
      expect(results([...two, ...beside, ...both])).toEqual([hash("R"), hash("P")]);
    });
    it("is given what a call elsewhere was given, where no other asked, once", () => {
      const nodes = [1, 2, 3].map((n) => row(`node ${n}`, n * 200, n * 200 + 60, "agent"));
      const rows = [
        asksFor("one", 200, "node 1", rome),
        llm("two", [400, 450], "node 2", [1, 1], { ...asking(paris), ...given(["name search", "R"]) }),
        next("three", 600, "node 3", ["name search", "P"]),
      ];
      expect(results([...nodes, ...rows])).toEqual([hash("R"), hash("P")]);
      const atOnce = [asksFor("one", 0, "node 1", rome), asksFor("two", 1, "node 2", paris)];
      const then = [next("three", 200, "node 3", ["name search", "R"]), next("four", 201, "", ["name search", "P"])];
      expect(results([...nodes, ...atOnce, ...then])).toEqual([hash("R"), hash("P")]);
    });
  });
  it("is each its own where a model gives every call the same id", () => {
    const rows = [1, 2, 3].map((n) =>
      llm(`asks ${n}`, [n * 100, n * 100 + 50], "agent", [n, n], {
        ...asking(["call_0", "search", String(n)]),
        ...given(["call_0", `result of ${n - 1}`]),
      }),
    );
    expect(inferred(rows, at(500)).map(({ result }) => result?.sha256 ?? null)).toEqual([
      hash("result of 1"),
      hash("result of 2"),
      null,
    ]);
  });
  it("is not inferred beside the step that has its id by a clock that is behind, unless the id was asked for before", () => {
    const early = tool("early", [-9000, -8990], "agent", { tool_call_id: "c1", tool_name: "other" });
    expect(inferred([asks, early], at(500))).toEqual([]);
    const again = llm("again", [200, 300], "agent", [1, 1], asking(["c1", "search", '{"q":2}']));
    const found = inferred([asks, early, again], at(500));
    expect(found.map(({ requestedBy }) => requestedBy.step_id)).toEqual([again.step_id]);
  });
  it("is our SDK's to tell of when its own span asks for it", () => {
    expect(inferred([{ ...asks, dialect: "runledger" }], at(500))).toEqual([]);
  });
});

it("says the same of the same records, whatever their order and however often they come", () => {
  const sorted = ({ uncounted, filled, inferred }: Resolution) =>
    [uncounted, filled, inferred].map((list) => list.map((one) => JSON.stringify(one)).sort());
  fc.assert(
    fc.property(anyRows, fc.infiniteStream(fc.nat()), (plan, noise) => {
      const rows = rowsOf(plan);
      const shuffled = [...rows, ...rows.slice(0, 3)]
        .map((one) => ({ one, key: noise.next().value ?? 0 }))
        .sort((a, b) => a.key - b.key)
        .map(({ one }) => one);
      expect(sorted(resolve(shuffled))).toEqual(sorted(resolve(rows)));
    }),
    { numRuns: 500 },
  );
});

it("leaves every call with one record that counts, and takes back none that does", () => {
  fc.assert(
    fc.property(anyRows, (plan) => {
      const { uncounted } = resolve(rowsOf(plan));
      const taken = new Set(uncounted.map(({ fact }) => fact.record_id));
      expect(taken.size).toBe(uncounted.length);
      for (const { sameCallAs } of uncounted) expect(taken.has(sameCallAs.record_id)).toBe(false);
    }),
    { numRuns: 500 },
  );
});
