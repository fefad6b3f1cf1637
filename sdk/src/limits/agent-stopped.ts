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

/** The one error that this SDK means to throw into an agent: a limit was reached, and nothing more is called. */
export class AgentStopped extends Error {
  override readonly name = "AgentStopped";
  readonly agent: string;
  readonly limit: LimitName;
  readonly max: number;
  /** When it stopped; what calls that were running then add is in the run's figures, not here. */
  readonly reached: number;
  readonly reason: string;

  constructor(agent: string, limit: LimitName, max: number, reached: number, detail?: string) {
    const reason = `limit ${limit}: ${reached} of ${max}${detail === undefined ? "" : ` (${detail})`}`;
    super(`agent ${agent} stopped by ${reason}`);
    this.agent = agent;
    this.limit = limit;
    this.max = max;
    this.reached = reached;
    this.reason = reason;
  }
}

/** The AgentStopped that an error is, or that made it: client libraries wrap what their `fetch` throws. */
export function causedByStop(error: unknown): AgentStopped | undefined {
  let cause = error;
  for (let depth = 0; depth < MAX_CAUSES && cause instanceof Error; depth++) {
    if (cause instanceof AgentStopped) return cause;
    cause = cause.cause;
  }
  return undefined;
}
const MAX_CAUSES = 8;
