import type { Attributes } from "@opentelemetry/api";
import { RUNLEDGER } from "@runledger/contract";
import { recordInferredTool } from "../capture/inferred-tool.ts";
import { type AgentStopped, causedByStop } from "../limits/agent-stopped.ts";
import { reachedInTheEnd, stopAttributes } from "../limits/limit-facts.ts";
import { createHandoff, type Handoff } from "./handoff.ts";
import { narrowed, type Principal } from "./principal.ts";
import type { OpenStep, RunEnd } from "./run.ts";
import { createScope, type Scope } from "./scope.ts";
import { stepError } from "./step-error.ts";
import type { AgentFunction, WrapDependencies, WrapOptions } from "./wrap.ts";

/** One call of a wrapped agent. */
export interface Execution {
  scope: Scope;
  /** What is to be done instead of an answer when a limit of this agent stopped it; undefined: its error is what the caller gets. */
  handoff(error: unknown): Handoff | undefined;
  /** Once; never throws. */
  end(how: Ending): void;
}
export type Ending = { result: unknown } | { error: unknown };

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
  return startSubAgent(dependencies, options, args, caller);
}

function startRoot<Agent extends AgentFunction>(
  { startRun, failures, held, pricing, watch, checkpoints }: WrapDependencies,
  options: WrapOptions<Agent>,
  args: Parameters<Agent>,
): Execution {
  const { agent, version, taskType, limits = {} } = options;
  const principal = principalOf(options, args, failures);
  const tag = (value: WrapOptions<Agent>["session"]) =>
    typeof value === "function" ? failures.attempt("callback", () => value(...args)) : value;
  const session = tag(options.session);
  const facts = { agent, version, taskType, taskId: tag(options.taskId), session, user: tag(options.user) };
  const resumed = checkpoints.takeUp(agent);
  const run = startRun(facts, resumed);
  const target = { runId: run.root.traceId, agent, taskType: taskType ?? null, session: session ?? null };
  const tellsUsage = options.handoff !== undefined;
  const scope = createScope(
    { run, agent, target, span: run.root, price: pricing.price, principal, parent: undefined, tellsUsage },
    limits,
  );
  if (resumed !== undefined) checkpoints.continued(run, resumed);
  const release = watch(scope);
  let ended = false;
  return {
    scope,
    handoff: createHandoff(scope, options.handoff, failures),
    end(how) {
      if (ended) return;
      ended = true;
      scope.guard.close();
      const outcome = "result" in how ? failures.attempt("callback", () => outcomeOf(options, how.result)) : undefined;
      const finish = () => {
        release();
        failures.attempt("record", () => endRun(scope, how, outcome));
      };
      afterOpenCalls(scope, held, finish);
    },
  };
}

function startSubAgent<Agent extends AgentFunction>(
  { failures, watch }: WrapDependencies,
  options: WrapOptions<Agent>,
  args: Parameters<Agent>,
  caller: Scope,
): Execution {
  const { agent, version, limits = {} } = options;
  const own = principalOf(options, args, failures);
  const principal = options.principal === undefined ? caller.principal : narrowed(own, caller.principal);
  const attributes = version === undefined ? {} : { [RUNLEDGER.subAgentVersion]: version };
  const step: OpenStep = caller.run.startStep(agent, { kind: "agent", parent: caller.span, attributes });
  const { run, price } = caller;
  const target = { ...caller.target, agent };
  const tellsUsage = options.handoff !== undefined;
  const start = { run, agent, target, span: step.span, price, principal, parent: caller, tellsUsage };
  const scope = createScope(start, limits);
  const release = watch(scope);
  return {
    scope,
    handoff: createHandoff(scope, options.handoff, failures),
    end(how) {
      scope.guard.close();
      release();
      failures.attempt("record", () => step.end("error" in how ? { error: stepError(how.error) } : {}));
    },
  };
}

function outcomeOf<Agent extends AgentFunction>(options: WrapOptions<Agent>, result: unknown): string | undefined {
  return options.outcome?.(result as Awaited<ReturnType<Agent>>);
}

/** A principal that can't be told is nobody: what asks for a permission is refused. */
function principalOf<Agent extends AgentFunction>(
  { principal }: WrapOptions<Agent>,
  args: Parameters<Agent>,
  failures: WrapDependencies["failures"],
): Principal | undefined {
  return typeof principal === "function" ? failures.attempt("callback", () => principal(...args)) : principal;
}

function endOf(scope: Scope, how: Ending): RunEnd {
  const { handoff } = scope.ending;
  const thrown = "error" in how ? causedByStop(how.error) : undefined;
  const error = "error" in how ? stepError(thrown ?? how.error) : undefined;
  const stop = scope.guard.stopped ?? thrown;
  const attributes = stop === undefined ? {} : endAttributes(scope, stop);
  if (handoff !== undefined && error === undefined) {
    return {
      status: "handed_off",
      reason: `to ${handoff.to}${handoff.reason === undefined ? "" : `: ${handoff.reason}`}`,
      attributes,
    };
  }
  if (stop !== undefined)
    return { status: stop.kill === null ? "stopped" : "killed", reason: stop.reason, error, attributes };
  if (error !== undefined) return { status: "failed", reason: error.message, error };
  return { status: "completed" };
}

/** What was reached once all that ran had ended: with the bound it tells the overshoot. */
function endAttributes({ guard }: Scope, stop: AgentStopped): Attributes {
  return stopAttributes(stop, reachedInTheEnd(stop, guard.usage()));
}

function endRun(scope: Scope, how: Ending, outcome: string | undefined): void {
  for (const call of scope.openCalls) {
    call.finish({ type: "unread", message: "the agent ended before the answer was read" });
  }
  const endTime = scope.run.now();
  for (const call of scope.run.toolCalls.takeAll()) recordInferredTool(scope, call, { endTime });
  scope.run.end({ ...endOf(scope, how), outcome });
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
