/** What a call used, or is expected to. */
export interface CallUsage {
  tokens: number;
  /** Undefined: no price is known. */
  costUsd: number | undefined;
}

/** What an agent has used, its sub-agents included. */
export interface LimitUsage {
  /** Model and tool calls. */
  steps: number;
  tokens: number;
  costUsd: number;
  /** Model calls whose cost is not in `costUsd`, because nobody knows it. */
  unpricedCalls: number;
  /** Milliseconds, of earlier processes of the same run too. */
  elapsedMs: number;
  /** Tool calls that failed, one after the other, until now. */
  toolErrors: number;
  subAgents: number;
}

export const NOTHING_USED: LimitUsage = {
  steps: 0,
  tokens: 0,
  costUsd: 0,
  unpricedCalls: 0,
  elapsedMs: 0,
  toolErrors: 0,
  subAgents: 0,
};

/** Calls that were let go and are not over: what they will use is reserved, so that those beside them can't have it too. */
export interface Reservations {
  /** @param guess for a call before any has ended; later the largest so far is what one is taken for. */
  add(guess: CallUsage): { release(actual: CallUsage | undefined): void };
  readonly calls: number;
  readonly tokens: number;
  readonly costUsd: number;
}

export function createReservations(): Reservations {
  const running = new Set<CallUsage>();
  let largest: { tokens: number; costUsd: number } | undefined;
  const sum = (of: (usage: CallUsage) => number) => [...running].reduce((total, usage) => total + of(usage), 0);
  return {
    add(guess) {
      const reserved = { tokens: largest?.tokens ?? guess.tokens, costUsd: largest?.costUsd ?? guess.costUsd };
      running.add(reserved);
      return {
        release(actual) {
          if (!running.delete(reserved) || actual === undefined) return;
          const { tokens = 0, costUsd = 0 } = largest ?? {};
          largest = { tokens: Math.max(tokens, actual.tokens), costUsd: Math.max(costUsd, actual.costUsd ?? 0) };
        },
      };
    },
    get calls() {
      return running.size;
    },
    get tokens() {
      return sum(({ tokens }) => tokens);
    },
    get costUsd() {
      return sum(({ costUsd }) => costUsd ?? 0);
    },
  };
}
