import type { Kill } from "@runledger/contract";

/** The bounds a wrapped agent can have, as records name them. `wall_ms` is milliseconds since the call began, `cost_usd` dollars. */
export const LIMIT_NAMES = [
  "steps",
  "tokens",
  "cost_usd",
  "wall_ms",
  "repeats",
  "tool_errors",
  "sub_agents",
  "sub_agent_depth",
] as const;
export type LimitName = (typeof LIMIT_NAMES)[number];

/** Why an agent is stopped: a bound of its own, somebody's kill, or that a kill could not reach it for `unreachableMs`. */
export type StopCause = ReachedBound | { kill: Kill } | { unreachableMs: number };
export interface ReachedBound {
  limit: LimitName;
  max: number;
  /** When it stopped; what calls that were running then add is in the run's figures, not here. */
  reached: number;
  detail?: string | undefined;
}

/** The one error that this SDK means to throw into an agent: it is stopped, and nothing more is called. */
export class AgentStopped extends Error {
  override readonly name = "AgentStopped";
  readonly agent: string;
  /** The bound that was reached; null when it was none. */
  readonly bound: ReachedBound | null;
  readonly limit: LimitName | null;
  readonly max: number | null;
  readonly reached: number | null;
  /** The kill, with who gave it and why; null when it was none. */
  readonly kill: Kill | null;
  readonly reason: string;

  constructor(agent: string, cause: StopCause) {
    const reason = reasonOf(cause);
    super(`agent ${agent} stopped by ${reason}`);
    this.agent = agent;
    this.bound = "limit" in cause ? cause : null;
    this.limit = this.bound?.limit ?? null;
    this.max = this.bound?.max ?? null;
    this.reached = this.bound?.reached ?? null;
    this.kill = "kill" in cause ? cause.kill : null;
    this.reason = reason;
  }
}

function reasonOf(cause: StopCause): string {
  if ("kill" in cause) return `killed: ${cause.kill.reason} (by ${cause.kill.by})`;
  if ("unreachableMs" in cause) return `control lost: nobody could have stopped it for ${cause.unreachableMs} ms`;
  const { limit, max, reached, detail } = cause;
  return `limit ${limit}: ${reached} of ${max}${detail === undefined ? "" : ` (${detail})`}`;
}

/** The AgentStopped that an error is, or that made it: client libraries wrap what their `fetch` throws. */
export function causedByStop(error: unknown): AgentStopped | undefined {
  let cause = error;
  try {
    for (let depth = 0; depth < MAX_CAUSES && cause instanceof Error; depth++) {
      if (cause instanceof AgentStopped) return cause;
      cause = cause.cause;
    }
  } catch {
    // An error of the agent's that can't be looked at is none of ours.
  }
  return undefined;
}
const MAX_CAUSES = 8;
