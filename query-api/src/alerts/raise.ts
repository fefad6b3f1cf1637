import { type Run, rfc3339FromUnixNano } from "@runledger/contract";
import { type AlertState, alertId, type Delivery, isOpen, type KeptAlert, withAlerts } from "./alert-store.ts";
import type { Finding } from "./findings.ts";
import { usdPerMinute } from "./money.ts";

/** The channels that alerts go to; empty: they are only listed. */
export type Channels = readonly string[];

/** The alert of a finding, with a delivery to each channel to be made at once. */
export function alertOf(tenant: string, finding: Finding, channels: Channels, nowMs: number): KeptAlert {
  const { rule, run, value, threshold, what, stepIds, since } = finding;
  const perMinute = run.cost_usd === null ? null : usdPerMinute(run.cost_usd, run.duration_ms);
  const tokens =
    run.input_tokens === null && run.output_tokens === null ? null : (run.input_tokens ?? 0) + (run.output_tokens ?? 0);
  const burnt = run.cost_usd === null ? "" : `; $${run.cost_usd} burnt, $${perMinute} a minute`;
  const alert_id = alertId(tenant, rule, run.run_id);
  return {
    alert_id,
    rule,
    state: "firing",
    run_id: run.run_id,
    agent: run.agent.name,
    summary: `${run.agent.name ?? "an agent"} ${what}${burnt}`,
    step_ids: stepIds,
    value,
    threshold,
    cost_usd: run.cost_usd,
    cost_per_minute_usd: perMinute,
    tokens,
    started_time: since,
    fired_time: timeOf(nowMs),
    resolved_time: null,
    silenced_until: null,
    action_taken: null,
    deliveries: newDeliveries(alert_id, "alert.firing", channels, nowMs),
  };
}

/** The alert when it is over; a firing that was not delivered yet still is, so that who is told of an end knows of what. */
export function resolved(one: KeptAlert, channels: Channels, nowMs: number): KeptAlert {
  const told = one.state === "silenced" ? [] : channels;
  const deliveries = [...one.deliveries, ...newDeliveries(one.alert_id, "alert.resolved", told, nowMs)];
  return { ...one, state: "resolved", resolved_time: timeOf(nowMs), deliveries };
}

/** The state with alerts resolved whose run has ended, and those firing again whose silence has. */
export function settled(
  state: AlertState,
  { ended, channels, nowMs }: { ended: (runId: string) => boolean; channels: Channels; nowMs: number },
): AlertState {
  return withAlerts(state, (one) => {
    if (!isOpen(one)) return one;
    if (ended(one.run_id)) return resolved(one, channels, nowMs);
    if (one.state !== "silenced" || one.silenced_until === null || one.silenced_until > timeOf(nowMs)) return one;
    const again = newDeliveries(one.alert_id, "alert.firing", channels, nowMs);
    return { ...one, state: "firing", silenced_until: null, deliveries: [...one.deliveries, ...again] };
  });
}

export function hasEnded(run: Run): boolean {
  return run.status !== "running";
}

export function timeOf(epochMs: number): string {
  return rfc3339FromUnixNano(BigInt(epochMs) * 1_000_000n);
}

function newDeliveries(id: string, event: Delivery["event"], channels: Channels, nowMs: number): Delivery[] {
  return channels.map((channel) => ({
    // The same for every attempt: who gets it twice can tell.
    delivery_id: `${id}.${event === "alert.firing" ? "firing" : "resolved"}.${channel}.${nowMs}`,
    channel,
    event,
    time: timeOf(nowMs),
    status: "retrying",
    attempts: 0,
    error: null,
    next_attempt_ms: nowMs,
  }));
}
