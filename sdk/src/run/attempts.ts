/** Failed calls remembered a run; more than this at once are not one agent's retries. */
const MAX_REMEMBERED = 64;

/** Numbers tries of the same call: one that follows its own failure is a retry, whoever makes it. */
export interface Attempts {
  /** The number of the try that begins now, from 1. @param call names it, if somebody asks. */
  next(owner: object, call: () => string): number;
  ended(owner: object, call: () => string, attempt: number, failed: boolean): void;
}

export function createAttempts(): Attempts {
  const failures = new WeakMap<object, Map<string, number>>();
  return {
    next(owner, call) {
      const calls = failures.get(owner);
      // Mostly nothing has failed, and a call's name is long.
      return calls === undefined || calls.size === 0 ? 1 : (calls.get(call()) ?? 0) + 1;
    },
    ended(owner, call, attempt, failed) {
      const known = failures.get(owner);
      if (!failed && (known === undefined || known.size === 0)) return;
      const calls = known ?? new Map<string, number>();
      const key = call();
      failures.set(owner, calls);
      calls.delete(key);
      if (!failed) return;
      if (calls.size >= MAX_REMEMBERED) calls.delete(calls.keys().next().value ?? "");
      calls.set(key, attempt);
    },
  };
}
