import { GEN_AI, RUNLEDGER } from "@runledger/contract";
import type { Failures } from "../failures.ts";
import { type AgentStopped, causedByStop } from "../limits/agent-stopped.ts";
import type { LimitUsage } from "../limits/usage.ts";
import { defined } from "./run.ts";
import type { Scope } from "./scope.ts";

/** How far an agent had come when it was stopped. */
export interface RunSummary extends LimitUsage {
  agent: string;
  runId: string;
}

export interface HandoffOptions<Result> {
  /** Who takes over: a queue, a person, another agent. */
  to: string;
  /** Its result is what the agent's caller gets. Model calls and recorded tools are refused in here: the limit holds. */
  run: (stop: AgentStopped, summary: RunSummary) => Result | Promise<Result>;
}

/** Runs it, and settles or fails as it does. */
export type Handoff = (
  within: <T>(work: () => T) => T,
  settle: (result: unknown) => unknown,
  fail: (error: unknown) => never,
) => unknown;

/** Of an agent whose own limit made the error. A hand-off that fails leaves the run stopped, as if there were none. */
export function createHandoff<Result>(scope: Scope, options: HandoffOptions<Result> | undefined, failures: Failures) {
  return function handoffOf(error: unknown): Handoff | undefined {
    const stop = causedByStop(error);
    if (options === undefined || stop === undefined || stop !== scope.guard.stopped || stop.kill !== null)
      return undefined;
    return (within, settle, fail) => {
      const done = (result: unknown) => {
        handOff(scope, { to: options.to, reason: stop.reason });
        return settle(result);
      };
      const failed = (failure: unknown): never => {
        failures.report("callback", failure);
        return fail(error);
      };
      let result: unknown;
      try {
        const summary = { ...scope.guard.usage(), agent: scope.agent, runId: scope.run.root.traceId };
        result = within(() => options.run(stop, summary));
      } catch (failure) {
        return failed(failure);
      }
      return result instanceof Promise ? result.then(done, failed) : done(result);
    };
  };
}

/** Records that somebody else takes over, and lets the run end so. */
export function handOff(scope: Scope, { to, reason }: { to: string; reason?: string | undefined }): void {
  scope.ending.handoff = { to, reason };
  const attributes = defined({
    [GEN_AI.operationName]: "handoff",
    [RUNLEDGER.stepName]: to,
    [RUNLEDGER.handoffTo]: to,
    [RUNLEDGER.stepReason]: reason,
  });
  scope.run.startStep(`handoff ${to}`, { kind: "handoff", parent: scope.span, attributes }).end();
}
