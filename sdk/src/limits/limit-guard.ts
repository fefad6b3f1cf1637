import { setMaxListeners } from "node:events";
import { z } from "zod";
import { AgentStopped, type LimitName } from "./agent-stopped.ts";

/** The longest time that Node.js timers keep: past it they fire at once. */
export const MAX_TIMER_MS = 2_147_483_647;

const bound = z.number().int().nonnegative().optional();
/** Strict: a bound that is misspelt, or that we don't have, must not look as if it held. */
const limits = z.strictObject({
  /** Model and tool calls, retries included. */
  steps: bound,
  /** Input and output tokens as the models reported them; a call that reports none adds none. */
  tokens: bound,
  /** Milliseconds. Running model calls are aborted when they are over. */
  wallMs: bound.refine((ms) => ms === undefined || ms <= MAX_TIMER_MS, `at most ${MAX_TIMER_MS}`),
  /** How often the same tool may be called with the same arguments. */
  repeats: bound,
});
/** Hard bounds of one call of a wrapped agent, its sub-agents included. What is left out has no bound. */
export type Limits = z.input<typeof limits>;

/** @throws Error that says each fault; when the agent is wrapped, not when it runs. */
export function checkLimits(agent: string, given: Limits): Limits {
  const parsed = limits.safeParse(given);
  if (!parsed.success) throw new Error(`runledger: bad limits of agent ${agent}\n${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

export interface LimitDependencies {
  agent: string;
  /** Epoch milliseconds. */
  now: () => number;
  onBreach: (stop: AgentStopped) => void;
  /** The guard of the agent that called this one: it counts too, and its breach stops this one. */
  parent: LimitGuard | undefined;
}

/** Counts, and says no before the next call. In process and synchronous: no network is asked. */
export interface LimitGuard {
  /** @throws AgentStopped when a bound is reached; the same one ever after. */
  check(): void;
  addStep(): void;
  addTokens(count: number): void;
  /** @param call names the tool and its arguments, @param tool is what a person reads. */
  addToolCall(call: string, tool: string): void;
  readonly stopped: AgentStopped | undefined;
  /** Aborts running calls when wall clock is over; undefined when nobody set such a bound. */
  readonly signal: AbortSignal | undefined;
  close(): void;
}

export function createLimitGuard(dependencies: LimitDependencies, limits: Limits): LimitGuard {
  const { agent, now, parent } = dependencies;
  const startTime = now();
  const repeats = new Map<string, number>();
  const abort = limits.wallMs === undefined ? undefined : new AbortController();
  const signals = [abort?.signal, parent?.signal].filter((other) => other !== undefined);
  const signal = signals.length === 0 ? undefined : AbortSignal.any(signals);
  // Each running call listens, and many may run at once: that is no leak to warn of.
  if (signal !== undefined) setMaxListeners(0, signal);
  let steps = 0;
  let tokens = 0;
  let mostRepeated = { count: 0, tool: "" };
  let stopped: AgentStopped | undefined;

  function stop(limit: LimitName, max: number, reached: number, detail?: string): void {
    if (stopped !== undefined) return;
    stopped = new AgentStopped(agent, limit, max, reached, detail);
    dependencies.onBreach(stopped);
    abort?.abort(stopped);
  }

  function stopWhenOver(): void {
    const elapsedMs = Math.round(now() - startTime);
    if (limits.wallMs !== undefined && elapsedMs >= limits.wallMs) stop("wall_ms", limits.wallMs, elapsedMs);
    if (limits.steps !== undefined && steps >= limits.steps) stop("steps", limits.steps, steps);
    if (limits.tokens !== undefined && tokens >= limits.tokens) stop("tokens", limits.tokens, tokens);
    if (limits.repeats !== undefined && mostRepeated.count > limits.repeats) {
      stop("repeats", limits.repeats, mostRepeated.count, `${mostRepeated.tool} with the same arguments`);
    }
  }

  const timer =
    limits.wallMs === undefined
      ? undefined
      : setTimeout(() => stop("wall_ms", limits.wallMs ?? 0, Math.round(now() - startTime)), limits.wallMs).unref();

  return {
    check() {
      parent?.check();
      stopWhenOver();
      if (stopped !== undefined) throw stopped;
    },
    addStep() {
      steps++;
      parent?.addStep();
    },
    addTokens(count) {
      tokens += count;
      parent?.addTokens(count);
    },
    addToolCall(call, tool) {
      // Remembered only for a bound that asks: a long run makes many calls.
      if (limits.repeats !== undefined) {
        const count = (repeats.get(call) ?? 0) + 1;
        repeats.set(call, count);
        if (count > mostRepeated.count) mostRepeated = { count, tool };
      }
      parent?.addToolCall(call, tool);
    },
    get stopped() {
      return stopped;
    },
    signal,
    close: () => clearTimeout(timer),
  };
}
