/** Failed calls remembered a run; more than this at once are not one agent's retries. */
const MAX_REMEMBERED = 64;

/** Numbers tries of the same call: one that follows its own failure is a retry, whoever makes it. */
export interface Attempts {
  /** The number of the try that begins now, from 1. */
  next(owner: object, call: string): number;
  ended(owner: object, call: string, attempt: number, failed: boolean): void;
}

export function createAttempts(): Attempts {
  const failures = new WeakMap<object, Map<string, number>>();
  return {
    next: (owner, call) => (failures.get(owner)?.get(call) ?? 0) + 1,
    ended(owner, call, attempt, failed) {
      const known = failures.get(owner);
      // Mostly nothing fails, and a call's text is long.
      if (!failed && known === undefined) return;
      const calls = known ?? new Map<string, number>();
      failures.set(owner, calls);
      calls.delete(call);
      if (!failed) return;
      if (calls.size >= MAX_REMEMBERED) calls.delete(calls.keys().next().value ?? "");
      calls.set(call, attempt);
    },
  };
}
