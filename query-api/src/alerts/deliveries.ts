import { alert } from "@runledger/contract";
import type { FastifyBaseLogger } from "fastify";
import type { QueryApiSettings } from "../config.ts";
import { type AlertState, type AlertStore, type Delivery, type KeptAlert, withAlerts } from "./alert-store.ts";
import { timeOf } from "./raise.ts";
import { sendWebhook } from "./webhook.ts";

const MAX_AT_ONCE = 8;
const MAX_BACKOFF_MS = 60_000;

export interface DeliveryDependencies {
  store: AlertStore;
  clock: () => number;
  random: () => number;
  logger: FastifyBaseLogger;
  /** Told of each attempt. */
  onAttempt: (result: Delivery["status"]) => void;
}

/**
 * Makes the deliveries that are due, each attempt written down. What another process is sending may be sent twice, under the same
 * id; a crash between sending and writing does the same. None is lost.
 */
export async function deliverDue(
  { store, clock, random, logger, onAttempt }: DeliveryDependencies,
  settings: QueryApiSettings,
): Promise<void> {
  const { alertWebhookUrl: url, alertWebhookSecret: secret } = settings;
  if (url === null || secret === null) return;
  const due = dueDeliveries(await store.read(), clock()).slice(0, MAX_AT_ONCE);
  if (due.length === 0) return;
  const attempts = await Promise.all(
    due.map(async ({ alert: kept, delivery }) => {
      const { delivery_id: id, event: type, time } = delivery;
      // What the store keeps beside the alert is nobody's business.
      const message = { id, type, time, data: alert.parse(kept), nowMs: clock() };
      const error = await sendWebhook({ url, secret, timeoutMs: settings.alertWebhookTimeoutMs }, message);
      if (error !== null) logger.warn({ error, alert_id: kept.alert_id }, "alert not delivered");
      return [delivery.delivery_id, afterAttempt(delivery, error)] as const;
    }),
  );
  const results = new Map(attempts);
  for (const { status } of results.values()) onAttempt(status);
  await store.update((state) =>
    withAlerts(state, (alert) =>
      alert.deliveries.some(({ delivery_id }) => results.has(delivery_id))
        ? { ...alert, deliveries: alert.deliveries.map((one) => results.get(one.delivery_id) ?? one) }
        : alert,
    ),
  );

  function afterAttempt(delivery: Delivery, error: string | null): Delivery {
    const attempts = delivery.attempts + 1;
    const nowMs = clock();
    const done = { ...delivery, attempts, time: timeOf(nowMs), error };
    if (error === null) return { ...done, status: "delivered" };
    if (attempts >= settings.alertWebhookAttempts) return { ...done, status: "failed" };
    return { ...done, status: "retrying", next_attempt_ms: nowMs + backoffMs(attempts, settings, random()) };
  }
}

/** Until the next attempt. @param jitter in [0, 1). */
export function backoffMs(attempts: number, settings: QueryApiSettings, jitter: number): number {
  const waitMs = Math.min(settings.alertWebhookBackoffMs * 2 ** (attempts - 1), MAX_BACKOFF_MS);
  return Math.round(waitMs * (0.5 + jitter / 2));
}

/** The oldest first; an alert's end waits until its beginning is delivered or given up. */
function dueDeliveries(state: AlertState, nowMs: number): { alert: KeptAlert; delivery: Delivery }[] {
  return state.alerts
    .flatMap((alert) => {
      const delivery = alert.deliveries.find(({ status }) => status === "retrying");
      return delivery && delivery.next_attempt_ms <= nowMs ? [{ alert, delivery }] : [];
    })
    .sort((a, b) => a.delivery.next_attempt_ms - b.delivery.next_attempt_ms);
}
