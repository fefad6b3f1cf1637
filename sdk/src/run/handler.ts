import type { Failures } from "../failures.ts";
import type { AgentFunction } from "./wrap.ts";

export interface HandlerDependencies {
  /** Sends what waits, within so many ms. */
  flush: (timeoutMs: number) => Promise<unknown>;
  flushTimeoutMs: number;
  failures: Failures;
}

/** What a platform needs to hand the answer on before it ends or freezes the process. */
const MARGIN_MS = 250;

type Callback = (...answer: unknown[]) => void;

/**
 * The same handler of a serverless platform, its records sent before its answer is given: what is left over may be frozen with the process.
 * Of a context with AWS Lambda's `getRemainingTimeInMillis` the deadline is kept; what is not sent by then waits for the next call. It
 * answers what the handler answers, or fails as it does.
 */
export function createHandler({ flush, flushTimeoutMs, failures }: HandlerDependencies) {
  async function flushInTime(args: readonly unknown[]): Promise<void> {
    const remaining = failures.attempt("callback", () => remainingMs(args)) ?? Number.POSITIVE_INFINITY;
    const timeoutMs = Math.min(flushTimeoutMs, remaining - MARGIN_MS);
    // Of ours nothing may come between the handler and its answer.
    if (timeoutMs > 0) await flush(timeoutMs).catch((error: unknown) => failures.report("delivery", error));
  }
  return function handler<Handler extends AgentFunction>(handle: Handler): Handler {
    async function handled(this: unknown, ...args: Parameters<Handler>): Promise<unknown> {
      try {
        return await Reflect.apply(handle, this, args);
      } finally {
        await flushInTime(args);
      }
    }
    /** Node.js's older way: answered by the last argument. */
    function handledByCallback(this: unknown, ...args: Parameters<Handler>): unknown {
      const callback: Callback = args[handle.length - 1];
      const answered: Callback = (...answer) => void flushInTime(args).then(() => callback(...answer));
      const result: unknown = Reflect.apply(handle, this, args.with(handle.length - 1, answered));
      return result instanceof Promise ? result.finally(() => flushInTime(args)) : result;
    }
    function either(this: unknown, ...args: Parameters<Handler>): unknown {
      const takesCallback = handle.length > 2 && typeof args[handle.length - 1] === "function";
      return Reflect.apply(takesCallback ? handledByCallback : handled, this, args);
    }
    Object.defineProperty(either, "name", { value: handle.name, configurable: true });
    Object.defineProperty(either, "length", { value: handle.length, configurable: true });
    return either as unknown as Handler;
  };
}

/** Infinity: nobody says. */
function remainingMs(args: readonly unknown[]): number {
  for (const context of args) {
    if (typeof context !== "object" || context === null || !("getRemainingTimeInMillis" in context)) continue;
    const { getRemainingTimeInMillis: remaining } = context;
    const ms: unknown = typeof remaining === "function" ? Reflect.apply(remaining, context, []) : undefined;
    if (typeof ms === "number" && !Number.isNaN(ms)) return ms;
  }
  return Number.POSITIVE_INFINITY;
}
