import type { Attributes } from "@opentelemetry/api";
import { RUNLEDGER } from "@runledger/contract";
import type { AgentStopped } from "./agent-stopped.ts";
import type { LimitUsage } from "./usage.ts";

/** A bound and what was reached of it, as records tell it. */
export function limitAttributes({ limit, max, reached }: Pick<AgentStopped, "limit" | "max" | "reached">): Attributes {
  return { [RUNLEDGER.limitName]: limit, [RUNLEDGER.limitMax]: max, [RUNLEDGER.limitReached]: reached };
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
      return reached;
  }
}
