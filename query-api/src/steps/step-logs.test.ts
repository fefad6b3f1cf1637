import { runList, type StepRow, stepDetail, stepList } from "@runledger/contract";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ApiUnderTest, startApiUnderTest } from "../testing/api-under-test.ts";
import { publishSmallLog, recordOf, writePack } from "../testing/small-log.ts";
import { at, llmRow, sha256, stepRow } from "../testing/step-rows.ts";

const DETAILS = "gen_ai.client.inference.operation.details";
const EXACT = "12345678901234567890.10";
const said = (role: string, content: string) => ({ role, parts: [{ type: "text", content }] });

const bare = llmRow("r1", "bare", { start_time: at(10) });
const full = llmRow("r1", "full", { start_time: at(20), prompt_sha256: sha256("p"), response_id: "resp-1" });
const chain = stepRow("r1", "chain", { start_time: at(30) });
const early = llmRow("r1", "early", { start_time: at(40) });
const waiting = llmRow("r1", "waiting", { start_time: at(50) });

/** A log record of a step's span. */
function logRow(of: StepRow, name: string, facts: Partial<StepRow> = {}): StepRow {
  const key = `${of.name}/${name}/${facts.start_time}/${facts.input_preview}`;
  return stepRow("r1", key, { event: "log", kind: "llm", name, step_id: of.step_id, start_time: at(11), ...facts });
}

type Payloads = Parameters<typeof writePack>[1];
const logs: { row: StepRow; payloads?: Payloads; added?: unknown[]; attributes?: Record<string, unknown> }[] = [
  // Out of order, two in one moment; and published in this order.
  {
    row: logRow(bare, "gen_ai.choice", { start_time: at(15), finish_reasons: ["stop"], output_preview: "four" }),
    payloads: { response: `[{"role":"assistant","parts":[{"type":"number","content":${EXACT}}]}]` },
  },
  {
    row: logRow(bare, "gen_ai.user.message", { start_time: at(12), input_preview: "first" }),
    added: [said("user", "first")],
  },
  {
    row: logRow(bare, "gen_ai.user.message", { start_time: at(12), input_preview: "second" }),
    added: [said("user", "second")],
  },
  {
    row: logRow(bare, "gen_ai.system.message", { start_time: at(11), system_prompt_sha256: sha256("s") }),
    payloads: { system_prompt: '[{"type":"text","content":"be kind"}]' },
  },
  { row: logRow(bare, "gen_ai.evaluation.result", { kind: "other", start_time: at(16) }), attributes: { score: 1 } },
  // What the step knows itself stands.
  {
    row: logRow(full, DETAILS, { start_time: at(21) }),
    payloads: { system_prompt: '"from the log"', response: '["from the log"]' },
    added: [said("user", "from the log")],
  },
  {
    row: stepRow("r1", "judged", {
      event: "log",
      kind: "other",
      name: "gen_ai.evaluation.result",
      step_id: "",
      response_id: "resp-1",
      start_time: at(22),
    }),
  },
  {
    row: logRow(chain, "gen_ai.user.message", { start_time: at(31) }),
    added: [said("user", "to nobody"), { content: JSON.rawJSON(EXACT) }],
  },
  // Of two events with all details the last one stands, beside events of messages.
  {
    row: logRow(early, "gen_ai.user.message", { start_time: at(1), prompt_sha256: sha256("part") }),
    added: [said("user", "part")],
  },
  { row: logRow(early, DETAILS, { start_time: at(2) }), added: [said("user", "old")] },
  {
    row: logRow(early, DETAILS, {
      start_time: at(3),
      finish_reasons: ["length"],
      tools_sha256: sha256("t"),
      prompt_sha256: sha256("whole"),
    }),
    payloads: { tool_definitions: '[{"name":"add"}]' },
    added: [said("user", "new")],
  },
];

/** Larger than is read on the thread that answers: one of its messages, and what another tells beside. */
const LARGE = 'é"'.repeat(400_000);
const big = llmRow("r1", "big", { start_time: at(60) });
logs.push(
  { row: logRow(big, "gen_ai.user.message", { start_time: at(61) }), added: [said("user", "small")] },
  {
    row: logRow(big, "gen_ai.user.message", { start_time: at(62) }),
    added: [said("user", LARGE), { n: JSON.rawJSON(EXACT) }],
  },
  {
    row: logRow(big, "app.event", { kind: "other", start_time: at(63) }),
    payloads: { overflow: JSON.stringify({ attributes: { large: LARGE }, events: [], links: [] }) },
  },
);

let api: ApiUnderTest;
beforeAll(async () => {
  api = await startApiUnderTest({});
  const steps = [bare, full, chain, early, waiting, big];
  const unpublished = logRow(waiting, "gen_ai.user.message", { start_time: at(51) });
  const alone = stepRow("r2", "alone", { event: "log", start_time: at(1) });
  await api.rows.insert("steps", [...logs.map(({ row }) => row), ...steps, unpublished, alone], "seed");
  const own = await writePack(api.objects, { system_prompt: '"own"' }, { history: [], added: [said("user", "own")] });
  const records = [];
  for (const { row, payloads, added, attributes = {} } of logs) {
    const pack = await writePack(api.objects, payloads ?? {}, { history: [], added: added ?? [] });
    const { messages: _none, ...others } = pack;
    records.push(
      recordOf(row, {
        event: "log",
        kind: row.kind === "llm" ? "llm" : "other",
        payloads: added === undefined ? others : pack,
        attributes,
      }),
    );
  }
  records.push(recordOf(full, { payloads: own, events: [{ name: "own", time: at(25), attributes: {} }] }));
  records.push(...[bare, chain, early, waiting, big].map((row) => recordOf(row, {})));
  await api.rows.insert("log_entries", await publishSmallLog(api.objects, records), "log");
});
afterAll(() => api.close());

const detail = async ({ step_id }: StepRow) => stepDetail.parse((await api.get(`/v1/runs/r1/steps/${step_id}`)).body);

describe("a model call without content", () => {
  test("shows that of its span's message events, by time and then as they came", async () => {
    expect(await detail(bare)).toMatchObject({
      content: "available",
      llm: {
        system_prompt: [{ type: "text", content: "be kind" }],
        messages: [said("user", "first"), said("user", "second")],
        finish_reasons: ["stop"],
      },
      events: [{ name: "gen_ai.evaluation.result", time: at(16), attributes: { score: 1 } }],
    });
  });

  test("shows that of the last event with all details, whatever else there is", async () => {
    const { llm, events } = await detail(early);
    expect(llm).toMatchObject({
      messages: [said("user", "new")],
      tool_definitions: [{ name: "add" }],
      finish_reasons: ["length"],
    });
    expect(events).toEqual([]);
  });

  test("is pending while the log records are not in the log", async () => {
    expect((await detail(waiting)).content).toBe("pending");
  });
});

test("a step's own content stands before that of log records; events are by time, those that name its response among them", async () => {
  const { llm, events } = await detail(full);
  expect(llm).toMatchObject({ system_prompt: "own", messages: [said("user", "own")], response: ["from the log"] });
  expect(events).toMatchObject([{ name: "gen_ai.evaluation.result" }, { name: "own" }]);
});

test("numbers of log records are shown digit by digit, in a model call and among the events of another step", async () => {
  for (const { step_id } of [bare, chain]) {
    const { body } = await api.app.inject({ url: `/v1/runs/r1/steps/${step_id}` });
    expect(body).toContain(`"content":${EXACT}`);
  }
});

test("large log records are read by the thread, and their lists joined as they are written", async () => {
  const { llm, events } = await detail(big);
  expect(llm?.messages).toEqual([said("user", "small"), said("user", LARGE), { n: Number(EXACT) }]);
  expect(events).toEqual([{ name: "app.event", time: at(63), attributes: { large: LARGE } }]);
  expect((await api.app.inject({ url: `/v1/runs/r1/steps/${big.step_id}` })).body).toContain(`"n":${EXACT}`);
});

test("a step that is no model call shows messages among its events", async () => {
  expect((await detail(chain)).events).toMatchObject([
    { name: "gen_ai.user.message", messages: [said("user", "to nobody"), { content: Number(EXACT) }] },
  ]);
});

test("a run is shown from its first span on, not before, when only log records tell of it", async () => {
  const { items } = runList.parse((await api.get("/v1/runs")).body);
  expect(items.map(({ run_id }) => run_id)).toEqual(["r1"]);
  for (const of of ["", "/steps", "/steps/alone"]) expect((await api.get(`/v1/runs/r2${of}`)).status).toBe(404);
  await api.rows.insert("steps", [llmRow("r2", "first", { start_time: at(2) })], "later");
  expect((await api.get("/v1/runs/r2")).body).toMatchObject({ run_id: "r2", steps: 1 });
  expect((await api.get("/v1/runs/r2/steps")).status).toBe(200);
});

test("the list of steps has the hashes, finish reasons and previews that only log records know", async () => {
  const { items } = stepList.parse((await api.get("/v1/runs/r1/steps")).body);
  expect(items).toHaveLength(6);
  expect(items[0]).toMatchObject({
    input_preview: "second",
    output_preview: "four",
    llm: { system_prompt_sha256: sha256("s"), prompt_sha256: null, finish_reasons: ["stop"] },
  });
  expect(items[1]?.llm?.prompt_sha256).toBe(sha256("p"));
  expect(items[3]?.llm).toMatchObject({ tools_sha256: sha256("t"), finish_reasons: ["length"] });
});
