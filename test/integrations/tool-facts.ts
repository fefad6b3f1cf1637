import type { StepDetail } from "@runledger/contract";
import { expect } from "vitest";
import type { Outcome } from "./run-scenario.ts";

type ToolStep = StepDetail & { tool: NonNullable<StepDetail["tool"]> };

/** What a tool gave back, or how it failed. */
export type ToolResult = { result: unknown } | { error: { type: string; message: string } };

/** The steps that are tool calls, of all runs. */
export function toolSteps(outcome: Outcome): ToolStep[] {
  return outcome.runs.flatMap(({ steps }) => steps.filter((step): step is ToolStep => step.tool !== null));
}

/**
 * Checks that each tool call that the model asked for is one step, with its id (`withoutIds`: the package does not say it), its arguments
 * and what `resultOf` says the tool did.
 */
export function expectToolCalls(
  outcome: Outcome,
  resultOf: (name: string, given: unknown) => ToolResult,
  { withoutIds = false } = {},
): void {
  const asked = outcome.exchanges.flatMap(({ toolCalls }) => toolCalls);
  const seen = toolSteps(outcome).map(({ tool, status, error }) => ({
    id: tool.call_id,
    name: tool.name,
    arguments: tool.arguments,
    ...(status === "error" ? { error } : { result: tool.result }),
  }));
  const expected = asked.map(({ id, name, arguments: given }) => ({
    id: withoutIds ? null : id,
    name,
    arguments: given,
    ...resultOf(name, given),
  }));
  const inOrder = <Call extends { id: string | null; name: string; arguments: unknown }>(calls: Call[]) =>
    calls.toSorted((a, b) =>
      JSON.stringify([a.id, a.name, a.arguments]) < JSON.stringify([b.id, b.name, b.arguments]) ? -1 : 1,
    );
  expect(inOrder(seen)).toEqual(inOrder(expected));
  expect(outcome.runs.reduce((sum, { run }) => sum + run.tool_call_count, 0)).toBe(asked.length);
}
