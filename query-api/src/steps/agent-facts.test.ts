import { stepList } from "@runledger/contract";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ApiUnderTest, startApiUnderTest } from "../testing/api-under-test.ts";
import { at, stepRow, toolRow } from "../testing/step-rows.ts";

let api: ApiUnderTest;
const decision = { options: ["refund", "replace"], choice: "replace", confidence: 0.8 };
const guardrail = { passed: false, rule: "no-pii", target: "output" };

beforeAll(async () => {
  api = await startApiUnderTest();
  const told = (facts: object) => ({ agent_facts: JSON.stringify(facts) });
  const rows = [
    stepRow("r1", "start", { event: "run_start", start_time: at(0), run_seq: 0 }),
    stepRow("r1", "route", { kind: "decision", start_time: at(10), run_seq: 1, ...told({ decision }) }),
    stepRow("r1", "pii", {
      kind: "guardrail",
      start_time: at(20),
      run_seq: 2,
      status: "error",
      ...told({ guardrail }),
    }),
    toolRow("r1", "pay", {
      ...{ start_time: at(30), run_seq: 3, tool_side_effect: "irreversible", tool_confirmed: true },
      ...told({ tool: { side_effect: "irreversible", confirmed: true, same_as: "00f067aa0ba902b7" } }),
    }),
    stepRow("r1", "later", {
      kind: "decision",
      start_time: at(40),
      run_seq: 4,
      ...told({ premonition: { of: "rain" } }),
    }),
  ];
  await api.rows.insert("steps", rows, "seed");
});
afterAll(() => api.close());

test("steps carry what only the agent could tell, and nothing of it where it told nothing", async () => {
  const { items } = stepList.parse((await api.get("/v1/runs/r1/steps")).body);
  expect(items.map((step) => [step.name, step.decision, step.guardrail])).toEqual([
    ["route", decision, undefined],
    ["pii", undefined, guardrail],
    ["pay", undefined, undefined],
    ["later", undefined, undefined],
  ]);
  expect(items[2]?.tool).toMatchObject({
    name: "search",
    side_effect: "irreversible",
    confirmed: true,
    same_as: "00f067aa0ba902b7",
  });
  expect(items[2]?.tool).not.toHaveProperty("permission");
});
