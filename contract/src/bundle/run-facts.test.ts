import { expect, test } from "vitest";
import type { RunledgerRecord } from "../record/record.ts";
import { createRunFacts } from "./run-facts.ts";

const NOBODY = {
  agent_name: null,
  agent_version: null,
  task_id: null,
  task_type: null,
  session_id: null,
  user_id: null,
};
const call = (record_id: string, input_tokens: number): RunledgerRecord =>
  ({
    ...{ record_id, event: "step", kind: "llm", run_id: "r", run_seq: null, root: false, status: "ok" },
    ...{ start_time: "1", end_time: "2", received_time: "3", run: NOBODY, end: null, tool: null, cost: null },
    llm: { request_model: "m", response_model: null, counted: true, input_tokens, output_tokens: null },
  }) as unknown as RunledgerRecord;

test.each([
  ["once", 2 as const, 10],
  ["each time, in bundles of before", undefined, 1_010],
])("a record that is in one log twice counts %s", (_, sums, tokens) => {
  const facts = createRunFacts(Buffer.alloc(16, 1), { ofSeveral: false, sums });
  expect([call("a", 10), call("a", 1_000)].map((one, i) => facts.add(i, one))).toEqual([true, sums === undefined]);
  expect([...facts.runs()]).toMatchObject([{ input_tokens: tokens }]);
  expect(facts.summary()).toMatchObject({ entries: 2, ...(sums === 2 && { duplicates: 1 }) });
});

test("a call that failed is missing in no sum, and embeddings not in that of output tokens", () => {
  const facts = createRunFacts(Buffer.alloc(16, 1), { ofSeveral: false, sums: 2 });
  const told = [{}, { status: "error" }, { operation: "embeddings" }] as const;
  for (const [i, more] of told.entries()) {
    const { llm, ...one } = call(`${i}`, 10);
    facts.add(i, { ...one, ...more, llm: llm && { ...llm, input_tokens: null } });
  }
  expect([...facts.runs()]).toMatchObject([{ llm_calls: 3, input_missing: 2, output_missing: 1, cost_missing: 2 }]);
});
