import type { LimitName, ReachedBound } from "./agent-stopped.ts";
import type { Limits } from "./limits.ts";
import type { LimitUsage, Reservations } from "./usage.ts";

export interface Standing {
  used: LimitUsage;
  /** What running calls hold. */
  held: Pick<Reservations, "calls" | "tokens" | "costUsd">;
  /** The call made most often. */
  mostRepeated: { count: number; tool: string };
}

/** The first bound that leaves no room for a further call. */
export function reachedBound(limits: Limits, { used, held, mostRepeated }: Standing): ReachedBound | undefined {
  const { unpriced = "stop" } = limits;
  return (
    reached("wall_ms", limits.wallMs, used.elapsedMs) ??
    reached("steps", limits.steps, used.steps) ??
    spent("tokens", limits.tokens, used.tokens, held.tokens, held.calls) ??
    spent("cost_usd", limits.costUsd, used.costUsd, held.costUsd, held.calls) ??
    (unpriced === "stop" && used.unpricedCalls > 0 ? unknownCost(limits, used) : undefined) ??
    repeated(limits.repeats, mostRepeated) ??
    reached("tool_errors", limits.toolErrors, used.toolErrors)
  );
}

function reached(limit: LimitName, max: number | undefined, value: number): ReachedBound | undefined {
  return max === undefined || value < max ? undefined : { limit, max, reached: value };
}

/** Over with what is used, or with what the running calls hold: the one that asks would come on top. */
function spent(limit: LimitName, max: number | undefined, used: number, held: number, calls: number) {
  if (max === undefined || used + held < max) return undefined;
  const rounded = (value: number) => Number(value.toFixed(9));
  const detail = used >= max ? undefined : `${rounded(held)} more are held by ${calls} running calls`;
  return { limit, max, reached: rounded(used), detail };
}

function unknownCost({ costUsd }: Limits, used: LimitUsage): ReachedBound | undefined {
  if (costUsd === undefined) return undefined;
  const detail = 'a call has no known price: give `price`, or `unpriced: "continue"`';
  return { limit: "cost_usd", max: costUsd, reached: used.costUsd, detail };
}

function repeated(max: number | undefined, { count, tool }: Standing["mostRepeated"]): ReachedBound | undefined {
  if (max === undefined || count <= max) return undefined;
  return { limit: "repeats", max, reached: count, detail: `${tool} with the same arguments` };
}
