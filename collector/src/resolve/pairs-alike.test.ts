import type { StepRow } from "@runledger/contract";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { alikeOf } from "./alike.fixture.ts";
import { correctionRows } from "./correction-row.ts";
import { asking, at, given, hash, llm } from "./facts.fixture.ts";
import { readRun, resolveRuns } from "./resolve-run.ts";
import { runOfRows } from "./run-of-rows.ts";

const WORDS = { input_preview: "Paris?", output_preview: "Fine.", prompt_sha256: hash("Paris?") };
const PROCESS = '{"host.name":"a","process.pid":"7"}';
const ONE = { run_id: "one", scope_name: "outer", ...WORDS };
const OTHER = { run_id: "other", scope_name: "inner", dialect: "langfuse", ...WORDS };
const ASKS = asking(["call_0123456789abcdef", "search", "{}"]);

function resolve(rows: readonly StepRow[], agents: Record<string, string> = {}) {
  const runs = [...Map.groupBy(rows, ({ run_id }) => run_id).values()].map((of) => readRun(runOfRows(of, null)));
  return resolveRuns(runs, alikeOf(rows, agents));
}

/** How many calls are left of these, and their tokens in and out. */
function counted(rows: readonly StepRow[], agents: Record<string, string> = {}): [number, number, number] {
  const corrections = correctionRows(resolve(rows, agents));
  const sum = (of: "llm_calls" | "input_tokens" | "output_tokens", told: (row: StepRow) => number) =>
    rows.reduce((total, row) => total + told(row), 0) + corrections.reduce((total, row) => total + row[of], 0);
  return [
    sum("llm_calls", () => 1),
    sum("input_tokens", (row) => row.input_tokens ?? 0),
    sum("output_tokens", (row) => row.output_tokens ?? 0),
  ];
}

const one = (facts: Partial<StepRow> = {}) => llm("a", [0, 100], "", null, { ...ONE, ...facts });
const other = (facts: Partial<StepRow> = {}) => llm("b", [1, 99], "", [10, 5], { ...OTHER, ...facts });

describe("a model call that two runs tell of, whose answer's id not both know", () => {
  it("counts once, where its tokens are known", () => {
    const found = resolve([one(), other()]);
    expect(found.uncounted.map(({ fact, sameCallAs }) => [fact.run_id, sameCallAs.run_id])).toEqual([["one", "other"]]);
    expect(counted([one({ response_id: "chatcmpl-1" }), other()])).toEqual([1, 10, 5]);
  });

  it.each<[string, Partial<StepRow>, Partial<StepRow>]>([
    ["the whole prompt and the answer", {}, {}],
    ["an answer of which one does not tell the tool calls", {}, { ...ASKS, output_preview: "Fine. search({})" }],
    [
      "tokens, when one tells another form of the prompt and no word of the answer",
      {
        prompt_sha256: hash("x"),
        input_tokens: 10,
        output_tokens: 5,
        output_preview: '[{"role":"assistant","parts":[]}]',
      },
      { ...ASKS, output_preview: "search({})" },
    ],
    [
      "results of tools and what is asked next",
      { ...given(["c1", "42"]), ...ASKS, prompt_sha256: "" },
      { ...given(["c1", "42"]), ...ASKS },
    ],
    [
      "tokens, when one tells the parallel calls of a stream as one",
      { ...asking(["", "search", "{}{}"]), output_preview: 'search("{}{}")', input_tokens: 10, output_tokens: 5 },
      { ...asking(["c1", "find", "{}"], ["c2", "search", "{}"]), output_preview: "Fine. find({}) search({})" },
    ],
    [
      "the provider's ids of tool calls alone",
      { ...ASKS, output_preview: "", prompt_sha256: "" },
      { ...ASKS, output_preview: "" },
    ],
    [
      "an error",
      { status: "error", error_message: "Error: 500 overloaded", output_preview: "" },
      { status: "error", error_message: "500 Overloaded", output_preview: "", input_tokens: null, output_tokens: null },
    ],
  ])("counts once by %s", (_, a, b) => {
    expect(counted([one(a), other(b)])[0]).toBe(1);
  });

  it.each<[string, Partial<StepRow>, Partial<StepRow>]>([
    ["both tell ids, and they differ", { response_id: "1" }, { response_id: "2" }],
    ["one instrumentation tells both", {}, { scope_name: "outer" }],
    ["their models differ", {}, { request_model: "claude" }],
    ["the answers differ", {}, { output_preview: "Rain." }],
    ["the questions differ", {}, { input_preview: "Rome?" }],
    ["tokens differ", { input_tokens: 11, output_tokens: 5 }, {}],
    ["one failed", { status: "error" }, {}],
    [
      "errors differ",
      { status: "error", error_message: "overloaded" },
      { status: "error", error_message: "no such model" },
    ],
    ["one was cut off", { finish_reasons: ["length"] }, { finish_reasons: ["stop"] }],
    ["one was streamed and the other not", { streaming: true }, { streaming: false }],
    ["processes differ", { process: PROCESS }, { process: PROCESS.replace("7", "8") }],
    ["ids of tool calls differ", asking(["c1", "search", "{}"]), asking(["c2", "search", "{}"])],
    ["arguments differ", asking(["", "search", "{}"]), asking(["", "search", "[]"])],
    ["results that were given differ", given(["c1", "42"]), given(["c2", "42"])],
    ["one is not within the other's time", { start_time: at(-300), end_time: at(-50) }, {}],
    ["they began minutes apart", { start_time: at(-300_000) }, {}],
    ["there is nothing but time, model and the answer", { prompt_sha256: "" }, {}],
    ["there is nothing but time, model and the question", { output_preview: "" }, {}],
    [
      "nobody tells a word",
      { input_preview: "", output_preview: "", prompt_sha256: "" },
      { input_preview: "", output_preview: "" },
    ],
  ])("is two when %s", (_, a, b) => {
    expect(counted([one(a), other(b)])[0]).toBe(2);
  });

  it("is two when their runs name different agents, unless the provider's ids are the same", () => {
    expect(counted([one(), other()], { one: "support", other: "billing" })[0]).toBe(2);
    expect(counted([one(), other()], { one: "support" })[0]).toBe(1);
    expect(counted([one(ASKS), other(ASKS)], { one: "support", other: "billing" })[0]).toBe(1);
  });

  it("is one that three tell of, whatever each of them knows of ids", () => {
    const third = (facts: Partial<StepRow>) =>
      llm("c", [2, 98], "", [10, 5], { ...WORDS, run_id: "third", scope_name: "third", ...facts });
    for (const id of ["", "chatcmpl-1"])
      expect(counted([one({ response_id: id }), other(), third({ response_id: id })])).toEqual([1, 10, 5]);
    expect(counted([one({ response_id: "1" }), other(), third({ response_id: "2" })])[0]).toBe(2);
  });

  it("is one with a call that a run tells of twice", () => {
    const wrapper = llm("w", [0, 101], "", [10, 5], { ...ONE, scope_name: "wrapper" });
    const inner = llm("a", [1, 100], "w", [10, 5], ONE);
    expect(counted([wrapper, inner, other()])).toEqual([1, 10, 5]);
  });
});

describe("a model call of which no word is told, or not by both", () => {
  const NO_WORDS = { input_preview: "", output_preview: "", prompt_sha256: "" };
  const HERE = { ...NO_WORDS, process: '{"host.name":"a","process.pid":"7"}' };
  const TOKENS = { input_tokens: 10, output_tokens: 5 };
  const FAILED = {
    status: "error",
    error_message: "429 slow down please",
    input_tokens: null,
    output_tokens: null,
  } as const;
  const THERE = { ...HERE, process: '{"host.name":"a","process.pid":"7","service.name":"x"}' };

  it.each<[string, Partial<StepRow>, Partial<StepRow>]>([
    ["its beginning and end", {}, {}],
    ["what is left, when one has a mark in the place of words", { input_preview: "__REDACTED__" }, WORDS],
    ["the instance", { process: '{"service.instance.id":"i"}' }, { process: '{"service.instance.id":"i"}' }],
    ["its tokens, when it waits for others before it is sent", { ...TOKENS, start_time: at(-146) }, {}],
    ["its tokens, when it was tried before", { ...TOKENS, start_time: at(-9_000) }, {}],
    ["its tokens, when a busy process comes late to its end", { ...TOKENS, end_time: at(340) }, {}],
    ["its error, when a busy process comes late to its end", { ...FAILED, end_time: at(206) }, FAILED],
    [
      "the tokens of embeddings",
      { operation: "embeddings", input_tokens: 10, start_time: at(-146) },
      { operation: "embeddings", output_tokens: null },
    ],
  ])("counts once in one process by %s", (_, a, b) => {
    expect(counted([one({ ...HERE, ...a }), other({ ...THERE, ...b })])[0]).toBe(1);
  });

  it.each<[string, Partial<StepRow>, Partial<StepRow>]>([
    ["the place is not told by both", { process: '{"process.pid":"7"}' }, {}],
    ["only the place is told", { process: '{"host.name":"a"}' }, {}],
    ["tokens differ", { input_tokens: 11, output_tokens: 5 }, {}],
    ["words differ", { input_preview: "Rome?" }, { input_preview: "Paris?" }],
    ["models differ", { request_model: "claude" }, {}],
    ["one begins later and ends later", { ...TOKENS, start_time: at(20), end_time: at(130) }, {}],
    // A tool asks the same model as soon as it is called.
    ["one follows the other at once", { ...TOKENS, start_time: at(104), end_time: at(140) }, {}],
    ["one begins long before, and only one tells tokens", { start_time: at(-150) }, {}],
    ["one ends long after, and only one tells tokens", { end_time: at(250) }, {}],
    ["one ends long after, whatever both tell", { ...TOKENS, end_time: at(360) }, {}],
    ["errors differ", { ...FAILED, end_time: at(206) }, { ...FAILED, error_message: "no such model" }],
    ["nobody tells the error", { status: "error", end_time: at(206) }, { ...FAILED, error_message: "" }],
    ["one instrumentation tells both", {}, { scope_name: "outer" }],
  ])("is two when %s", (_, a, b) => {
    expect(counted([one({ ...HERE, ...a }), other({ ...THERE, ...b })])[0]).toBe(2);
  });

  it("counts once each of three made at once, when what is around begins long before what is sent", () => {
    // As Langfuse's observeOpenAI and our SDK told of them on a busy machine, in ms.
    const around = [
      [0, 190.8],
      [67, 191.2],
      [68, 196.9],
    ] as const;
    const sent = [
      [146.8, 189.7],
      [147.1, 190.9],
      [147.4, 195.5],
    ] as const;
    const rows = [
      ...around.map(([from, to], n) => llm(`a${n}`, [from, to], "", [10, 5], { ...ONE, ...HERE, run_id: `one ${n}` })),
      ...sent.map(([from, to], n) =>
        llm(`b${n}`, [from, to], "", [10, 5], { ...OTHER, ...THERE, response_id: `id ${n}` }),
      ),
    ];
    expect(counted(rows)).toEqual([3, 30, 15]);
  });

  it("counts what was tried again once per attempt", () => {
    const rows = [
      one({ ...HERE, ...TOKENS, start_time: at(-400) }),
      llm("failed", [-399, -150], "", null, { ...OTHER, ...THERE, ...FAILED }),
      other({ ...THERE, start_time: at(50) }),
    ];
    expect(counted(rows)).toEqual([2, 10, 5]);
  });

  it("counts embeddings once by their words, and the tokens that one tells", () => {
    const embedding = { operation: "embeddings", ...WORDS };
    const vectors = { ...embedding, output_preview: "[[0.1,-0.2]]" };
    expect(counted([one(vectors), other({ ...embedding, output_preview: "", output_tokens: null })])).toEqual([
      1, 10, 0,
    ]);
  });
});

const K_CALLS = fc.record({
  /** When each begins, and how long it takes. */
  calls: fc.array(fc.tuple(fc.nat(300), fc.integer({ min: 20, max: 2_000 })), { minLength: 1, maxLength: 12 }),
  jitter: fc.infiniteStream(fc.integer({ min: -40, max: 40 })),
  ids: fc.constantFrom("none", "one", "other"),
  order: fc.infiniteStream(fc.nat()),
});

it.each([
  ["in the same words", {}],
  ["without a word, in one process", { input_preview: "", output_preview: "", process: PROCESS }],
])("counts K calls that are the same in all, at one moment, told %s by both as K, with all their tokens", (_, told) => {
  fc.assert(
    fc.property(K_CALLS, ({ calls, jitter, ids, order }) => {
      const moved = (ms: number) => ms + (jitter.next().value ?? 0);
      // By the clock of one process, that which is inside is not longer.
      const inner = (start: number, end: number): [number, number] =>
        "process" in told ? [start + 2, end - 2] : [moved(start), moved(end)];
      const rows = calls.flatMap(([start, length], n) => [
        llm(`a${n}`, [start, start + length], "", null, {
          ...ONE,
          ...told,
          run_id: `one ${n}`,
          response_id: ids === "one" ? `id ${n}` : "",
        }),
        llm(`b${n}`, inner(start, start + length), "", [10, 5], {
          ...OTHER,
          ...told,
          run_id: `other ${n % 3}`,
          response_id: ids === "other" ? `id ${n}` : "",
        }),
      ]);
      const K = calls.length;
      expect(counted(rows)).toEqual([K, 10 * K, 5 * K]);
      const shuffled = rows
        .map((row) => ({ row, key: order.next().value ?? 0 }))
        .sort((a, b) => a.key - b.key)
        .map(({ row }) => row);
      const said = (some: readonly StepRow[]) =>
        correctionRows(resolve(some))
          .map(({ content_sha256 }) => content_sha256)
          .sort();
      expect(said(shuffled)).toEqual(said(rows));
    }),
  );
});

it("never touches what one instrumentation tells, however alike, nor counts fewer than one of them tells", () => {
  const told = fc.array(fc.tuple(fc.nat(200), fc.nat(400), fc.constantFrom("outer", "inner", "third")), {
    maxLength: 14,
  });
  fc.assert(
    fc.property(told, (calls) => {
      const rows = calls.map(([start, length, scope_name], n) =>
        llm(`${n}`, [start, start + length], "", [10, 5], { ...ONE, run_id: `run ${n}`, scope_name }),
      );
      const bySource = [...Map.groupBy(rows, (row) => row.scope_name).values()];
      for (const ofOne of bySource) expect(counted(ofOne)[0]).toBe(ofOne.length);
      const most = Math.max(0, ...bySource.map(({ length }) => length));
      expect(counted(rows)[0]).toBeGreaterThanOrEqual(most);
    }),
  );
});

it("leaves alone calls whose like are not all in view", () => {
  const hidden = one({ run_id: "hidden", record_id: hash("hidden") });
  const alike = alikeOf([one(), other(), hidden]);
  const inView = [[one()], [other()]].map((rows) => readRun(runOfRows(rows, null)));
  expect(resolveRuns(inView, alike).uncounted).toEqual([]);
  expect(resolveRuns([...inView, readRun(runOfRows([hidden], null))], alike).uncounted).toHaveLength(1);
});
