import { expect } from "vitest";
import type { Outcome } from "./run-scenario.ts";

/**
 * Of several runs that tell of the same calls: each call that the model server knows counts in one of them, with its tokens, and so does its price; what
 * does not count names the step that does.
 */
export function expectCountedOnce({ runs, exchanges }: Outcome): void {
  const sum = (of: (run: (typeof runs)[number]["run"]) => number | null) =>
    runs.reduce((total, { run }) => total + (of(run) ?? 0), 0);
  const known = (of: "input" | "output") => exchanges.reduce((total, { usage }) => total + (usage?.[of] ?? 0), 0);
  const expected = { llm_calls: exchanges.length, input_tokens: known("input"), output_tokens: known("output") };
  const ofRuns = {
    llm_calls: sum((run) => run.llm_calls),
    input_tokens: sum((run) => run.input_tokens),
    output_tokens: sum((run) => run.output_tokens),
  };
  expect(ofRuns).toEqual(expected);

  const calls = runs.flatMap(({ run, steps }) =>
    steps.filter(({ kind }) => kind === "llm").map((step) => ({ ...step, run_id: run.run_id })),
  );
  const counted = calls.filter(({ llm }) => llm?.counted);
  expect(counted).toHaveLength(exchanges.length);
  for (const { llm } of calls.filter((call) => !call.llm?.counted)) {
    const same = counted.find(({ step_id, run_id }) => step_id === llm?.same_call_as && run_id === llm.same_call_in);
    expect(same).toBeDefined();
  }
  expect(new Set(calls.filter(({ llm }) => !llm?.counted).map(({ llm }) => llm?.same_call_as)).size).toBe(
    calls.length - counted.length,
  );
  const cost = counted.reduce((total, { llm }) => total + Number(llm?.cost_usd ?? 0), 0);
  expect(sum((run) => (run.cost_usd === null ? 0 : Number(run.cost_usd)))).toBeCloseTo(cost, 9);
  expect(cost).toBeGreaterThan(0);
}
