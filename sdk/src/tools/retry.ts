import { setTimeout as sleep } from "node:timers/promises";
import { causedByStop } from "../limits/agent-stopped.ts";
import { ToolError } from "./tool-error.ts";

export interface RetryOptions {
  /** In all, the first one included. */
  attempts: number;
  /** Before the second; doubled from then on, and half of it at random. 200 ms. */
  firstDelayMs?: number;
  /** 10 000. */
  maxDelayMs?: number;
  /** Which errors may pass by themselves. Default: time-outs, network failures, HTTP 408, 425, 429 and 5xx, and errors that say nothing else. */
  retryable?: (error: unknown) => boolean;
}

export interface RetryPolicy {
  attempts: number;
  mayRetry(error: unknown): boolean;
  /** @param attempt the one that failed, from 1. @throws the signal's reason. */
  wait(attempt: number, signal: AbortSignal | undefined): Promise<void>;
}

export function retryPolicy(retry: number | RetryOptions | undefined, random: () => number): RetryPolicy {
  const options = typeof retry === "number" ? { attempts: retry } : (retry ?? { attempts: 1 });
  const { attempts, firstDelayMs = 200, maxDelayMs = 10_000, retryable = mayPass } = options;
  return {
    attempts,
    mayRetry: (error) => causedByStop(error) === undefined && retryable(error),
    async wait(attempt, signal) {
      const delayMs = Math.min(maxDelayMs, firstDelayMs * 2 ** (attempt - 1)) * (0.5 + random() / 2);
      // A run that is stopped must not be kept waiting; the reason is told by the next check of its limits.
      await sleep(delayMs, undefined, signal === undefined ? {} : { signal }).catch(() => {});
      signal?.throwIfAborted();
    },
  };
}

const PASSING_STATUSES: ReadonlySet<number> = new Set([408, 425, 429]);
/** Faults of a program: they come again. */
const PROGRAM_FAULTS = [TypeError, ReferenceError, RangeError, SyntaxError];

function mayPass(error: unknown): boolean {
  if (error instanceof ToolError) return error.code === "timeout";
  if (!(error instanceof Error)) return true;
  if ("retryable" in error && typeof error.retryable === "boolean") return error.retryable;
  const status = statusOf(error);
  if (status !== undefined) return status >= 500 || PASSING_STATUSES.has(status);
  // `fetch` says TypeError for a failed connection, and has a cause for it.
  return error.cause !== undefined || !PROGRAM_FAULTS.some((fault) => error instanceof fault);
}

function statusOf(error: Error): number | undefined {
  if ("status" in error && typeof error.status === "number") return error.status;
  return "statusCode" in error && typeof error.statusCode === "number" ? error.statusCode : undefined;
}
