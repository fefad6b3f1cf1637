import fc from "fast-check";
import { expect, test } from "vitest";
import type { AgentStopped } from "./agent-stopped.ts";
import { type Admission, createLimitGuard, type LimitGuard } from "./limit-guard.ts";
import type { Limits } from "./limits.ts";
import type { CallUsage } from "./usage.ts";

function guardOf(limits: Limits, parent?: LimitGuard) {
  const breaches: { stop: AgentStopped; running: number }[] = [];
  const onBreach = (stop: AgentStopped, running: number) => void breaches.push({ stop, running });
  return { guard: createLimitGuard({ agent: "a", now: () => 0, onBreach, parent }, limits), breaches };
}
const admitted = (guard: LimitGuard, expected?: CallUsage): Admission | undefined => {
  try {
    return guard.admit(expected);
  } catch {
    return undefined;
  }
};

/** Calls begin and end in any order, many at a time; `guess` is what a call is taken for before the first has ended. */
const traffic = fc.array(
  fc.record({
    begin: fc.boolean(),
    size: fc.integer({ min: 1, max: 50 }),
    guess: fc.integer({ min: 0, max: 50 }),
    at: fc.nat(),
  }),
  { minLength: 1, maxLength: 200 },
);

test("however many run at once, no more steps are let go than the bound", () => {
  fc.assert(
    fc.property(traffic, fc.integer({ min: 0, max: 30 }), (events, max) => {
      const { guard } = guardOf({ steps: max });
      const running: Admission[] = [];
      let begun = 0;
      for (const { begin, at } of events) {
        if (begin) {
          const call = admitted(guard, { tokens: 1, costUsd: 1 });
          if (call !== undefined) begun += running.push(call) > 0 ? 1 : 0;
        } else running.splice(at % (running.length || 1), 1)[0]?.settle();
      }
      expect(begun).toBeLessThanOrEqual(max);
    }),
  );
});

for (const unit of ["tokens", "costUsd"] as const) {
  test(`${unit} pass their bound by the last call, and by what running calls use beyond what they held, at most`, () => {
    fc.assert(
      fc.property(traffic, fc.integer({ min: 1, max: 400 }), (events, max) => {
        const { guard } = guardOf({ [unit]: max });
        const running: { admission: Admission; size: number; held: number }[] = [];
        let largest = 0;
        let stated = 0;
        for (const { begin, size, guess, at } of events) {
          const held = largest === 0 ? guess : largest;
          if (begin) {
            const admission = admitted(guard, { tokens: guess, costUsd: guess });
            if (admission === undefined) continue;
            const beyond = running.reduce((sum, call) => sum + Math.max(0, call.size - call.held), 0);
            stated = Math.max(stated, size + beyond);
            running.push({ admission, size, held });
          } else {
            const [call] = running.splice(at % (running.length || 1), 1);
            if (call === undefined) continue;
            call.admission.settle({ tokens: call.size, costUsd: call.size });
            largest = Math.max(largest, call.size);
          }
        }
        for (const { admission, size } of running) admission.settle({ tokens: size, costUsd: size });
        expect(guard.usage()[unit]).toBeLessThan(max + Math.max(1, stated));
      }),
    );
  });

  test(`calls of one size pass a bound on ${unit} by less than one call, however many run at once`, () => {
    fc.assert(
      fc.property(traffic, fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 900 }), (events, size, max) => {
        const { guard } = guardOf({ [unit]: max });
        const running: Admission[] = [];
        const used = { tokens: size, costUsd: size };
        for (const { begin, at } of events) {
          const call = begin ? admitted(guard, used) : undefined;
          if (call !== undefined) running.push(call);
          else if (!begin) running.splice(at % (running.length || 1), 1)[0]?.settle(used);
        }
        for (const call of running) call.settle(used);
        expect(guard.usage()[unit]).toBeLessThan(max + size);
      }),
    );
  });
}

test("a stop tells how many calls were running, aborts them and is the same ever after", () => {
  const { guard, breaches } = guardOf({ steps: 2 });
  guard.admit({ tokens: 10, costUsd: 0 });
  guard.admit({ tokens: 10, costUsd: 0 });
  expect(() => guard.admit()).toThrow("limit steps: 2 of 2");
  expect(() => guard.check()).toThrow(breaches[0]?.stop);
  expect(guard.signal.reason).toBe(breaches[0]?.stop);
  expect(breaches).toMatchObject([{ running: 2 }]);
});

test("a call that is refused because of running ones says what they hold", () => {
  const { guard } = guardOf({ tokens: 100 });
  guard.admit({ tokens: 60, costUsd: 0 });
  guard.admit({ tokens: 60, costUsd: 0 });
  expect(() => guard.admit()).toThrow("limit tokens: 0 of 100 (120 more are held by 2 running calls)");
});

test("a call of unknown price stops the next one, unless the agent was told to go on", () => {
  const { guard } = guardOf({ costUsd: 5 });
  guard.admit({ tokens: 1, costUsd: 0 }).settle({ tokens: 1, costUsd: undefined });
  expect(() => guard.admit()).toThrow(/no known price/);
  const other = guardOf({ costUsd: 5, unpriced: "continue" }).guard;
  other.admit({ tokens: 1, costUsd: 0 }).settle({ tokens: 1, costUsd: undefined });
  other.admit();
  expect(other.usage()).toMatchObject({ steps: 2, unpricedCalls: 1, costUsd: 0 });
});

test("tool errors count in a row only, and a sub-agent's count for its caller", () => {
  const outer = guardOf({ toolErrors: 2 }).guard;
  const inner = guardOf({}, outer).guard;
  inner.toolEnded(true);
  inner.toolEnded(false);
  inner.toolEnded(true);
  inner.check();
  inner.toolEnded(true);
  expect(() => inner.check()).toThrow("limit tool_errors: 2 of 2");
  expect(inner.signal.aborted).toBe(true);
});

test("sub-agents are bounded in number and in depth", () => {
  const { guard } = guardOf({ subAgents: 2 });
  guard.admitSubAgent();
  guardOf({}, guard).guard.admitSubAgent();
  expect(() => guard.admitSubAgent()).toThrow("limit sub_agents: 2 of 2");
  const deep = guardOf({ subAgentDepth: 1 }).guard;
  deep.admitSubAgent();
  const child = guardOf({}, deep).guard;
  expect(() => child.admitSubAgent()).toThrow("limit sub_agent_depth: 2 of 1");
});

test("what an earlier process of the run used counts", () => {
  const used = { steps: 3, tokens: 90, costUsd: 0, unpricedCalls: 0, elapsedMs: 0, toolErrors: 0, subAgents: 0 };
  const guard = createLimitGuard(
    { agent: "a", now: () => 0, onBreach: () => {}, parent: undefined, used },
    { steps: 4 },
  );
  guard.admit();
  expect(() => guard.admit()).toThrow("limit steps: 4 of 4");
});
