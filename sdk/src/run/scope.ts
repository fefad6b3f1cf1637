import type { SpanContext } from "@opentelemetry/api";
import { RUNLEDGER } from "@runledger/contract";
import type { ModelCall } from "../capture/model-call.ts";
import { createLimitGuard, type LimitGuard, type Limits } from "../limits/limit-guard.ts";
import type { Run } from "./run.ts";

/** What the code of a wrapped agent runs in: found by the asynchronous context it was called from. */
export interface Scope {
  readonly run: Run;
  readonly agent: string;
  readonly guard: LimitGuard;
  /** Steps made here hang below this span: the agent's, or within a tool the tool's. */
  readonly span: SpanContext;
  /** Model calls of the run whose answer is not read to its end yet. */
  readonly openCalls: Set<ModelCall>;
}

export function createScope(
  run: Run,
  agent: string,
  span: SpanContext,
  limits: Limits,
  parent: Scope | undefined,
): Scope {
  const guard = createLimitGuard(
    {
      agent,
      now: run.now,
      parent: parent?.guard,
      onBreach: (stop) =>
        run.startStep(`limit ${stop.limit}`, { kind: "limit", parent: span }).end({
          attributes: {
            [RUNLEDGER.limitName]: stop.limit,
            [RUNLEDGER.limitMax]: stop.max,
            [RUNLEDGER.limitReached]: stop.reached,
          },
          error: { type: stop.name, message: stop.reason },
        }),
    },
    limits,
  );
  return { run, agent, guard, span, openCalls: parent?.openCalls ?? new Set() };
}
