import type { SpanContext } from "@opentelemetry/api";
import { type KillTarget, RUNLEDGER } from "@runledger/contract";
import type { ModelCall } from "../capture/model-call.ts";
import { stopAttributes, stopName } from "../limits/limit-facts.ts";
import { createLimitGuard, type LimitGuard } from "../limits/limit-guard.ts";
import type { Limits } from "../limits/limits.ts";
import type { Pricer } from "../limits/price.ts";
import type { Principal } from "./principal.ts";
import type { Run } from "./run.ts";

/** What the code of a wrapped agent runs in: found by the asynchronous context it was called from. */
export interface Scope {
  readonly run: Run;
  readonly agent: string;
  readonly guard: LimitGuard;
  /** Who it is to a kill. */
  readonly target: KillTarget;
  /** Steps made here hang below this span: the agent's, or within a tool the tool's. */
  readonly span: SpanContext;
  /** Model calls of the run whose answer is not read to its end yet. */
  readonly openCalls: Set<ModelCall>;
  readonly price: Pricer;
  /** Undefined: nobody that any permission was given to. */
  readonly principal: Principal | undefined;
  /** What the agent itself has told of how it ends. */
  readonly ending: { handoff?: { to: string; reason: string | undefined } };
}

export interface ScopeStart extends Pick<Scope, "run" | "agent" | "target" | "span" | "price" | "principal"> {
  parent: Scope | undefined;
  /** What was used is asked for in the end. */
  tellsUsage: boolean;
}

export function createScope({ parent, tellsUsage, ...start }: ScopeStart, limits: Limits): Scope {
  const { run, agent, span } = start;
  const guard = createLimitGuard(
    {
      agent,
      now: run.now,
      parent: parent?.guard,
      tellsUsage,
      used: parent === undefined ? run.resumed?.progress.used : undefined,
      onBreach: (stop, running) =>
        run.startStep(stopName(stop), { kind: "limit", parent: span }).end({
          attributes: { ...stopAttributes(stop), [RUNLEDGER.limitRunning]: running },
          error: { type: stop.name, message: stop.reason },
        }),
    },
    limits,
  );
  if (parent === undefined) run.countedBy(guard.usage);
  return { ...start, guard, openCalls: parent?.openCalls ?? new Set(), ending: {} };
}
