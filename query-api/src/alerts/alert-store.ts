import { createHash } from "node:crypto";
import { type Alert, alert, DEFAULT_TENANT, tenantStatePath } from "@runledger/contract";
import { createStateDocument, type Objects, type StateDocument } from "@runledger/storage";
import { z } from "zod";
import { QueryApiError } from "../error.ts";

import type { RuleName } from "./rules.ts";

/** Kept for the list and to not fire twice; the oldest resolved ones go first. */
const MAX_ALERTS = 1_000;

const delivery = alert.shape.deliveries.element.extend({
  delivery_id: z.string(),
  event: z.enum(["alert.firing", "alert.resolved"]),
  /** Epoch ms; of those that are `retrying` only. */
  next_attempt_ms: z.number(),
});
export type Delivery = z.infer<typeof delivery>;
const keptAlert = alert.extend({ deliveries: z.array(delivery) });
/** An alert and what its deliveries need. */
export type KeptAlert = z.infer<typeof keptAlert>;

const alertState = z.object({
  /** Epoch ns as text: everything received before was looked at. */
  watermark_ns: z.string().nullable(),
  alerts: z.array(keptAlert),
});
export type AlertState = z.infer<typeof alertState>;
export type AlertStore = StateDocument<AlertState>;

export function createAlertStore(objects: Objects, tenant: string): AlertStore {
  return createStateDocument(objects, tenantStatePath(tenant, "alerts"), alertState, {
    watermark_ns: null,
    alerts: [],
  });
}

/** The same rule on the same run is the same alert, whoever raises it and however often. */
export function alertId(tenant: string, rule: RuleName, runId: string): string {
  return createHash("sha256")
    .update(JSON.stringify(tenant === DEFAULT_TENANT ? [rule, runId] : [rule, runId, tenant]))
    .digest("hex")
    .slice(0, 32);
}

/** The state with alerts put in, each unless it is there. */
export function withNewAlerts(state: AlertState, candidates: readonly KeptAlert[]): AlertState {
  const known = new Set(state.alerts.map((one) => one.alert_id));
  const added = candidates.filter((one) => !known.has(one.alert_id));
  if (added.length === 0) return state;
  const alerts = [...state.alerts, ...added];
  const excess = alerts.length - MAX_ALERTS;
  if (excess <= 0) return { ...state, alerts };
  const oldestFirst = alerts.toSorted((a, b) => rank(a) - rank(b) || (a.fired_time < b.fired_time ? -1 : 1));
  const dropped = new Set(oldestFirst.slice(0, excess));
  return { ...state, alerts: alerts.filter((one) => !dropped.has(one)) };
}

/** The state with each alert as `change` makes it; the very same state when nothing changed. */
export function withAlerts(state: AlertState, change: (one: KeptAlert) => KeptAlert): AlertState {
  const alerts = state.alerts.map(change);
  return alerts.some((one, i) => one !== state.alerts[i]) ? { ...state, alerts } : state;
}

/** @throws QueryApiError `not_found`. */
export function findAlert(state: AlertState, id: string): KeptAlert {
  const found = state.alerts.find((one) => one.alert_id === id);
  if (found) return found;
  throw new QueryApiError("not_found", `no alert has the id ${id}`, { hint: "GET /v1/alerts lists them" });
}

export function isOpen({ state }: Pick<Alert, "state">): boolean {
  return state !== "resolved";
}

function rank(one: KeptAlert): number {
  return isOpen(one) ? 1 : 0;
}
