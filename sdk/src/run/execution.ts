import { RUNLEDGER } from "@runledger/contract";
import { recordInferredTool } from "../capture/inferred-tool.ts";
import { causedByStop } from "../limits/agent-stopped.ts";
import type { OpenStep, RunEnd } from "./run.ts";
import { createScope, type Scope } from "./scope.ts";
import { stepError } from "./step-error.ts";
import type { AgentFunction, WrapDependencies, WrapOptions } from "./wrap.ts";

/** One call of a wrapped agent. */
export interface Execution {
  scope: Scope;
  /** Once; never throws. */
  end(how: { result: unknown } | { error: unknown }): void;
}

/** An answer that nobody has read from for so long is not waited for. */
const UNREAD_MS = 10_000;
const UNREAD_CHECK_MS = 100;

export function startExecution<Agent extends AgentFunction>(
  dependencies: WrapDependencies,
  options: WrapOptions<Agent>,
  args: Parameters<Agent>,
): Execution {
  const caller = dependencies.scopes.getStore();
  // Work left over from a run that has ended starts a run of its own.
  if (caller === undefined || caller.run.ended) return startRoot(dependencies, options, args);
  return startSubAgent(dependencies, options, caller);
}

function startRoot<Agent extends AgentFunction>(
  { startRun, failures, held }: WrapDependencies,
  options: WrapOptions<Agent>,
  args: Parameters<Agent>,
): Execution {
  const { agent, version, taskType, limits = {} } = options;
  const tag = (value: WrapOptions<Agent>["session"]) =>
    typeof value === "function" ? failures.attempt("callback", () => value(...args)) : value;
  const run = startRun({
    agent,
    version,
    taskType,
    taskId: tag(options.taskId),
    session: tag(options.session),
    user: tag(options.user),
  });
  const scope = createScope(run, agent, run.root, limits, undefined);
  let ended = false;
  return {
    scope,
    end(how) {
      if (ended) return;
      ended = true;
      scope.guard.close();
      const outcome = "result" in how ? failures.attempt("callback", () => outcomeOf(options, how.result)) : undefined;
      const finish = () => failures.attempt("record", () => endRun(scope, { ...endOf(scope, how), outcome }));
      afterOpenCalls(scope, held, finish);
    },
  };
}

function startSubAgent<Agent extends AgentFunction>(
  { failures }: WrapDependencies,
  options: WrapOptions<Agent>,
  caller: Scope,
): Execution {
  const { agent, version, limits = {} } = options;
  const attributes = version === undefined ? {} : { [RUNLEDGER.subAgentVersion]: version };
  const step: OpenStep = caller.run.startStep(agent, { kind: "agent", parent: caller.span, attributes });
  const scope = createScope(caller.run, agent, step.span, limits, caller);
  return {
    scope,
    end(how) {
      scope.guard.close();
      failures.attempt("record", () => step.end("error" in how ? { error: stepError(how.error) } : {}));
    },
  };
}

function outcomeOf<Agent extends AgentFunction>(options: WrapOptions<Agent>, result: unknown): string | undefined {
  return options.outcome?.(result as Awaited<ReturnType<Agent>>);
}

function endOf(scope: Scope, how: { result: unknown } | { error: unknown }): RunEnd {
  const thrown = "error" in how ? causedByStop(how.error) : undefined;
  const error = "error" in how ? stepError(thrown ?? how.error) : undefined;
  const stop = scope.guard.stopped ?? thrown;
  if (stop !== undefined) return { status: "stopped", reason: stop.reason, error };
  if (error !== undefined) return { status: "failed", reason: error.message, error };
  return { status: "completed" };
}

function endRun(scope: Scope, end: RunEnd): void {
  for (const call of scope.openCalls) {
    call.finish({ type: "unread", message: "the agent ended before the answer was read" });
  }
  const endTime = scope.run.now();
  for (const call of scope.run.toolCalls.takeAll()) recordInferredTool(scope, call, { endTime });
  scope.run.end(end);
}

/** An agent may hand its caller a model's answer to read: the run is over when that is read. */
function afterOpenCalls(scope: Scope, held: Set<() => void>, finish: () => void): void {
  const isBeingRead = () =>
    [...scope.openCalls].some((call) => call.isStreaming && scope.run.now() - call.lastByteTime < UNREAD_MS);
  if (!isBeingRead()) {
    finish();
    return;
  }
  const release = () => {
    clearInterval(timer);
    held.delete(release);
    finish();
  };
  const timer = setInterval(() => !isBeingRead() && release(), UNREAD_CHECK_MS).unref();
  held.add(release);
}
