import type { AsyncLocalStorage } from "node:async_hooks";
import type { Failures } from "../failures.ts";
import { type AgentStopped, causedByStop } from "../limits/agent-stopped.ts";
import { checkLimits, type Limits } from "../limits/limits.ts";
import type { Pricing } from "../limits/price.ts";
import type { Checkpoints } from "./checkpoints.ts";
import { startExecution } from "./execution.ts";
import type { HandoffOptions } from "./handoff.ts";
import type { WithinSpan } from "./otel-context.ts";
import type { Principal } from "./principal.ts";
import type { Resumption } from "./resumption.ts";
import type { Run, RunFacts } from "./run.ts";
import type { Scope } from "./scope.ts";
import { unlessStopped } from "./stop-grace.ts";
import { observeStreamedResult } from "./streamed-result.ts";

// biome-ignore lint/suspicious/noExplicitAny: the only type that every function fits, and the caller gets its own type back
export type AgentFunction = (...args: any[]) => unknown;

/** Told once, or told by the arguments of each call. */
type Tag<Agent extends AgentFunction> = string | ((...args: Parameters<Agent>) => string | undefined);

export interface WrapOptions<Agent extends AgentFunction> {
  /** The agent's name. */
  agent: string;
  version?: string;
  /** What sort of work this is: runs are compared within it. */
  taskType?: string;
  /** Your own id of the task. */
  taskId?: Tag<Agent>;
  /** Many runs of one conversation. */
  session?: Tag<Agent>;
  /** Whom the agent works for. */
  user?: Tag<Agent>;
  /** On whose behalf it acts, and what that one may: asked by tools with a `permission`. A sub-agent's only narrows its caller's. */
  principal?: Principal | ((...args: Parameters<Agent>) => Principal | undefined);
  limits?: Limits;
  /** What to do instead when a limit stops it: its result is the caller's, and the run ends as `handed_off`. */
  handoff?: HandoffOptions<Awaited<ReturnType<Agent>>>;
  /** Your word for how it went, from the result. */
  outcome?: (result: Awaited<ReturnType<Agent>>) => string | undefined;
}

export interface WrapDependencies {
  scopes: AsyncLocalStorage<Scope | undefined>;
  startRun: (facts: RunFacts, resumed: Resumption | undefined) => Run;
  checkpoints: Pick<Checkpoints, "takeUp" | "continued">;
  failures: Failures;
  withinSpan: WithinSpan;
  /** Runs whose function has returned while an answer is still being read. */
  held: Set<() => void>;
  pricing: Pricing;
  /** Puts a run or sub-agent under control, until what it returns is called. A kill in force stops it at once. */
  watch: (scope: Scope) => () => void;
}

/** Each call of the returned function is a run, or within a run a sub-agent's step; else it is the function given. */
export function createWrap(dependencies: WrapDependencies) {
  const { scopes, failures, pricing, withinSpan } = dependencies;

  return function wrap<Agent extends AgentFunction>(agent: Agent, options: WrapOptions<Agent>): Agent {
    const limits = checkLimits(options.agent, options.limits ?? {});
    if (limits.costUsd !== undefined) pricing.require(options.agent);
    function wrapped(this: unknown, ...args: Parameters<Agent>): unknown {
      const refused = refusedBy(scopes.getStore());
      if (refused !== undefined) return refuse(agent, refused);
      const execution = failures.attempt("record", () => startExecution(dependencies, options, args));
      if (execution === undefined) return Reflect.apply(agent, this, args);
      const { scope, end } = execution;
      const stoppedAtStart = scope.guard.stopped;
      if (stoppedAtStart !== undefined) {
        end({ error: stoppedAtStart });
        return refuse(agent, stoppedAtStart);
      }
      const within = <T>(work: () => T): T => scopes.run(scope, () => withinSpan(scope.span, work));
      const { signal } = scope.guard;
      /** Of an agent that was stopped that is what its caller gets, whatever the frameworks in between make of it. */
      const thrown = (error: unknown): unknown => causedByStop(error) ?? (signal.aborted ? signal.reason : error);
      const bounded = <T>(work: () => T): T => {
        const result = within(work);
        return (result instanceof Promise ? unlessStopped(result, signal) : result) as T;
      };
      const done = (failure?: { error: unknown }) => end(failure ?? { result: undefined });

      function settle(result: unknown): unknown {
        const streamed = failures.attempt("capture", () =>
          observeStreamedResult(result, { within: bounded, done, thrown }),
        );
        if (streamed === undefined) end({ result });
        return streamed ?? result;
      }
      function fail(failure: unknown): unknown {
        const error = thrown(failure);
        const instead = execution?.handoff(error);
        if (instead !== undefined) return instead(within, settle, (failed) => settleFailed(failed));
        return settleFailed(error);
      }
      function settleFailed(error: unknown): never {
        end({ error });
        throw error;
      }

      let result: unknown;
      try {
        result = within(() => Reflect.apply(agent, this, args));
      } catch (error) {
        return fail(error);
      }
      if (!(result instanceof Promise)) return settle(result);
      if (result.constructor === Promise) return unlessStopped(result, signal).then(settle, fail);
      // A promise with methods of its own (a client library's): the caller gets that very one.
      result.then(settle, (error) => end({ error }));
      return result;
    }
    Object.defineProperty(wrapped, "name", { value: agent.name, configurable: true });
    Object.defineProperty(wrapped, "length", { value: agent.length, configurable: true });
    return wrapped as unknown as Agent;
  };
}

/** A sub-agent more than its caller may have, or one of a caller that was stopped, also if nobody waits for that one any more. */
function refusedBy(caller: Scope | undefined): AgentStopped | undefined {
  if (caller === undefined || (caller.run.ended && !caller.guard.signal.aborted)) return undefined;
  try {
    caller.guard.admitSubAgent();
    return undefined;
  } catch (error) {
    return causedByStop(error);
  }
}

/** As the agent itself would fail: an async function never throws at its caller. */
function refuse(agent: AgentFunction, stop: AgentStopped): Promise<never> {
  if (agent.constructor.name === "AsyncFunction") return Promise.reject(stop);
  throw stop;
}
