/** The bounds a wrapped agent can have. `wall_ms` is milliseconds since the call began. */
export const LIMIT_NAMES = ["steps", "tokens", "wall_ms", "repeats"] as const;
export type LimitName = (typeof LIMIT_NAMES)[number];

/** The one error that this SDK means to throw into an agent: a limit was reached, and nothing more is called. */
export class AgentStopped extends Error {
  override readonly name = "AgentStopped";
  readonly agent: string;
  readonly limit: LimitName;
  readonly max: number;
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
