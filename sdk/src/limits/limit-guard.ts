import { setMaxListeners } from "node:events";
import { AgentStopped, type ReachedBound } from "./agent-stopped.ts";
import type { Limits } from "./limits.ts";
import { reachedBound } from "./reached-bound.ts";
import { type CallUsage, createReservations, type LimitUsage, NOTHING_USED, type Reservations } from "./usage.ts";

export interface LimitDependencies {
  agent: string;
  /** Epoch milliseconds. */
  now: () => number;
  /** @param running calls that are not over, and may still use more. */
  onBreach: (stop: AgentStopped, running: number) => void;
  /** The guard of the agent that called this one: it counts too, and its breach stops this one. */
  parent: LimitGuard | undefined;
  /** Of earlier processes of the same run. */
  used?: LimitUsage | undefined;
  /** Somebody is told what was used, whether it is bounded or not. */
  tellsUsage?: boolean;
}

/** A call that was let go. */
export interface Admission {
  /** Once, when it is over. `undefined`: it used nothing, or nothing that is counted. */
  settle(actual?: CallUsage): void;
}

/** Counts, and says no before the next call. In process and synchronous: no network is asked. */
export interface LimitGuard {
  /** @throws AgentStopped when a bound is reached; the same one ever after. */
  check(): void;
  /** As `check`, and the call has its place: it is a step, and what it is expected to use, if anything, is reserved until it is settled. */
  admit(expected?: CallUsage): Admission;
  /** A step that nobody could have stopped. */
  addStep(): void;
  /** @param call names the tool and its arguments, if somebody asks, @param tool is what a person reads. */
  addToolCall(call: () => string, tool: string): void;
  toolEnded(failed: boolean): void;
  /** A sub-agent starts, `depth` below this agent. @throws AgentStopped when it must not. */
  admitSubAgent(depth?: number): void;
  /** Nothing more is called, and what runs is aborted. */
  halt(stop: AgentStopped): void;
  usage(): LimitUsage;
  /** What calls use is bounded or told, for this agent or for one above it. */
  readonly countsUsage: boolean;
  readonly stopped: AgentStopped | undefined;
  /** Aborts when this agent is stopped, or one above it. */
  readonly signal: AbortSignal;
  /** The same for a call that runs, for less than a listener costs. @param act must not throw. @returns stops listening. */
  whenStopped(act: () => void): () => void;
  close(): void;
}

export function createLimitGuard(dependencies: LimitDependencies, limits: Limits): LimitGuard {
  const { agent, now, parent, onBreach } = dependencies;
  const used: LimitUsage = { ...(dependencies.used ?? NOTHING_USED) };
  const held = createReservations();
  const repeats = createRepeats(limits.repeats !== undefined);
  const startTime = now() - used.elapsedMs;
  const abort = new AbortController();
  const signal = parent === undefined ? abort.signal : AbortSignal.any([abort.signal, parent.signal]);
  // Each running call may listen, and many may run at once: that is no leak to warn of.
  setMaxListeners(0, abort.signal, signal);
  const running = new Set<() => void>();
  const stopRunning = () => {
    for (const act of [...running]) act();
  };
  signal.addEventListener("abort", stopRunning, { once: true });
  const isBounded = limits.tokens !== undefined || limits.costUsd !== undefined;
  let stopped: AgentStopped | undefined;

  const usage = (): LimitUsage => ({ ...used, elapsedMs: Math.round(now() - startTime) });
  function halt(stop: AgentStopped): void {
    if (stopped !== undefined) return;
    stopped = stop;
    onBreach(stop, held.calls);
    abort.abort(stop);
  }
  function stopAt(bound: ReachedBound | undefined): void {
    if (bound !== undefined) halt(new AgentStopped(agent, bound));
  }
  function check(): void {
    parent?.check();
    stopAt(reachedBound(limits, { used: usage(), held, mostRepeated: repeats.most }));
    if (stopped !== undefined) throw stopped;
  }
  const { wallMs } = limits;
  const timer = wallMs === undefined ? undefined : setTimeout(wallClockOver, wallMs - used.elapsedMs, wallMs).unref();
  function wallClockOver(max: number): void {
    stopAt({ limit: "wall_ms", max, reached: usage().elapsedMs });
  }

  return {
    check,
    admit(expected) {
      check();
      const above = parent?.admit(expected);
      used.steps++;
      return admission(used, expected && held.add(expected), above);
    },
    addStep() {
      used.steps++;
      parent?.addStep();
    },
    addToolCall(call, tool) {
      repeats.add(call, tool);
      parent?.addToolCall(call, tool);
    },
    toolEnded(failed) {
      used.toolErrors = failed ? used.toolErrors + 1 : 0;
      parent?.toolEnded(failed);
    },
    admitSubAgent(depth = 1) {
      check();
      stopAt(fanOut(limits, used.subAgents, depth));
      if (stopped !== undefined) throw stopped;
      parent?.admitSubAgent(depth + 1);
      used.subAgents++;
    },
    halt,
    usage,
    countsUsage: isBounded || dependencies.tellsUsage === true || parent?.countsUsage === true,
    get stopped() {
      return stopped;
    },
    signal,
    whenStopped(act) {
      running.add(act);
      return () => running.delete(act);
    },
    close: () => clearTimeout(timer),
  };
}

function admission(
  used: LimitUsage,
  reservation: ReturnType<Reservations["add"]> | undefined,
  above: Admission | undefined,
): Admission {
  let settled = false;
  return {
    settle(actual) {
      if (settled) return;
      settled = true;
      reservation?.release(actual);
      used.tokens += actual?.tokens ?? 0;
      used.costUsd += actual?.costUsd ?? 0;
      if (actual !== undefined && actual.costUsd === undefined) used.unpricedCalls++;
      above?.settle(actual);
    },
  };
}

function fanOut({ subAgents, subAgentDepth }: Limits, started: number, depth: number): ReachedBound | undefined {
  if (subAgentDepth !== undefined && depth > subAgentDepth) {
    return { limit: "sub_agent_depth", max: subAgentDepth, reached: depth };
  }
  if (subAgents === undefined || started < subAgents) return undefined;
  return { limit: "sub_agents", max: subAgents, reached: started };
}

/** Remembered only for a bound that asks: a long run makes many calls. */
function createRepeats(wanted: boolean) {
  const counts = new Map<string, number>();
  let most = { count: 0, tool: "" };
  return {
    add(call: () => string, tool: string): void {
      if (!wanted) return;
      const key = call();
      const count = (counts.get(key) ?? 0) + 1;
      counts.set(key, count);
      if (count > most.count) most = { count, tool };
    },
    get most() {
      return most;
    },
  };
}
