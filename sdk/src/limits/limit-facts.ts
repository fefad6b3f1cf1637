import type { Attributes } from "@opentelemetry/api";
import { RUNLEDGER } from "@runledger/contract";
import type { AgentStopped } from "./agent-stopped.ts";
import type { LimitUsage } from "./usage.ts";

/** Why it stopped, as records tell it: a bound and what was reached of it, or a kill and who gave it. */
export function stopAttributes({ bound, kill }: AgentStopped, reached = bound?.reached ?? 0): Attributes {
  if (kill !== null) return { [RUNLEDGER.killId]: kill.kill_id, [RUNLEDGER.killBy]: kill.by };
  if (bound === null) return {};
  return {
    [RUNLEDGER.limitName]: bound.limit,
    [RUNLEDGER.limitMax]: bound.max,
    [RUNLEDGER.limitReached]: reached,
  };
}

/** The step's name. */
export function stopName({ limit, kill }: AgentStopped): string {
  if (kill !== null) return "kill";
  return limit === null ? "control lost" : `limit ${limit}`;
}

/** Calls that ran when it stopped may have used more since. */
export function reachedInTheEnd({ limit, reached }: AgentStopped, used: LimitUsage): number {
  switch (limit) {
    case "steps":
      return used.steps;
    case "tokens":
      return used.tokens;
    case "cost_usd":
      return Number(used.costUsd.toFixed(9));
    default:
      return reached ?? 0;
  }
}
