import type { AsyncLocalStorage } from "node:async_hooks";
import type { Failures } from "../failures.ts";
import { causedByStop } from "../limits/agent-stopped.ts";
import { checkLimits, type Limits } from "../limits/limit-guard.ts";
import { startExecution } from "./execution.ts";
import type { Run, RunFacts } from "./run.ts";
import type { Scope } from "./scope.ts";
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
  limits?: Limits;
  /** Your word for how it went, from the result. */
  outcome?: (result: Awaited<ReturnType<Agent>>) => string | undefined;
}

export interface WrapDependencies {
  scopes: AsyncLocalStorage<Scope | undefined>;
  startRun: (facts: RunFacts) => Run;
  failures: Failures;
  /** Runs whose function has returned while an answer is still being read. */
  held: Set<() => void>;
}

/** Each call of the returned function is a run, or within a run a sub-agent's step; else it is the function given. */
export function createWrap(dependencies: WrapDependencies) {
  const { scopes, failures } = dependencies;

  return function wrap<Agent extends AgentFunction>(agent: Agent, options: WrapOptions<Agent>): Agent {
    checkLimits(options.agent, options.limits ?? {});
    function wrapped(this: unknown, ...args: Parameters<Agent>): unknown {
      const execution = failures.attempt("record", () => startExecution(dependencies, options, args));
      if (execution === undefined) return Reflect.apply(agent, this, args);
      const { scope, end } = execution;
      const within = <T>(work: () => T): T => scopes.run(scope, work);
      const thrown = (error: unknown): unknown => causedByStop(error) ?? error;
      const done = (failure?: { error: unknown }) => end(failure ?? { result: undefined });

      function settle(result: unknown): unknown {
        const streamed = failures.attempt("capture", () => observeStreamedResult(result, { within, done, thrown }));
        if (streamed === undefined) end({ result });
        return streamed ?? result;
      }
      function fail(error: unknown): never {
        end({ error });
        throw thrown(error);
      }

      let result: unknown;
      try {
        result = within(() => Reflect.apply(agent, this, args));
      } catch (error) {
        fail(error);
      }
      if (!(result instanceof Promise)) return settle(result);
      if (result.constructor === Promise) return result.then(settle, fail);
      // A promise with methods of its own (a client library's): the caller gets that very one.
      result.then(settle, (error) => end({ error }));
      return result;
    }
    Object.defineProperty(wrapped, "name", { value: agent.name, configurable: true });
    Object.defineProperty(wrapped, "length", { value: agent.length, configurable: true });
    return wrapped as unknown as Agent;
  };
}
