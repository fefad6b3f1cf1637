import type { StepRow } from "@runledger/contract";
import fc from "fast-check";
import { asking, given, hash, llm, row, tool } from "./facts.fixture.ts";

/** Few enough moments, ids and tokens that much of it coincides. */
export const anyRows = fc.array(
  fc.record({
    kind: fc.constantFrom("llm", "llm", "tool", "agent", "other"),
    parent: fc.integer({ min: -1, max: 12 }),
    start: fc.integer({ min: 0, max: 6 }),
    length: fc.integer({ min: 0, max: 4 }),
    scope: fc.constantFrom("a", "b", "c"),
    tokens: fc.constantFrom(null, [1, 1], [2, 2], [3, 3]),
    id: fc.constantFrom("", "x", "y"),
    model: fc.constantFrom("m", "m-2024-01-01", "n", ""),
    event: fc.constantFrom("step", "step", "step", "log"),
  }),
  { maxLength: 12 },
);

export function rowsOf(plan: typeof anyRows extends fc.Arbitrary<infer T> ? T : never): StepRow[] {
  return plan.map(({ kind, parent, start, length, scope, tokens, id, model, event }, n) => {
    const time: [number, number] = [start * 300, (start + length) * 300];
    const above = parent < 0 ? "" : String(parent);
    const talk = { ...asking([id, "search", model]), ...given([id || "name search", scope]) };
    if (kind === "tool")
      return tool(String(n), time, above, { tool_call_id: id, scope_name: scope, arguments_sha256: hash(model) });
    if (kind === "agent") return row(String(n), ...time, above, { kind, agent_name: model, scope_name: scope });
    if (kind === "other") return row(String(n), ...time, above, { scope_name: scope });
    const pair: [number, number] | null = tokens && [tokens[0] ?? 0, tokens[1] ?? 0];
    return llm(String(n), time, above, pair, {
      response_id: id,
      scope_name: scope,
      request_model: model,
      event,
      llm_counted: event === "step",
      ...talk,
    });
  });
}
