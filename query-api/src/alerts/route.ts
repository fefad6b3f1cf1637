import { ALERT_STATES, alert, alertList, alertRule, alertRuleChange, queryTime } from "@runledger/contract";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { recordAct } from "../acts/record-act.ts";
import type { Control } from "../control/control.ts";
import type { ControlState } from "../control/control-state.ts";
import type { Feature } from "../dependencies.ts";
import { invalidField, QueryApiError } from "../error.ts";
import { decodeCursor, encodeCursor } from "../http/cursor.ts";
import { ERROR_RESPONSES } from "../http/error-handler.ts";
import { unixNanoOf } from "../http/time.ts";
import { type AlertState, findAlert, isOpen, type KeptAlert, withAlerts } from "./alert-store.ts";
import { type Channels, resolved, timeOf } from "./raise.ts";
import { createTenantAlerts, type TenantAlerts } from "./tenant-alerts.ts";

const MAX_SILENCE_MS = 30 * 24 * 3_600_000;
const ANY = /^/;
const tags = ["alerts"];
const listQuery = z.strictObject({
  state: z.enum(ALERT_STATES).optional(),
  run_id: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(500).default(50),
  cursor: z.string().optional(),
});
const alertParameters = z.strictObject({ alert_id: z.string().max(64) });
const silence = z.strictObject({ until: queryTime.describe("at most 30 days from now") });

/** Alerts, what one may do to them, and the rules; the engine behind them runs while the server listens. */
export function registerAlerts(feature: Feature, control: Control, { lease }: ControlState): void {
  const alerts = createTenantAlerts({ ...feature.dependencies, control, lease }, feature.settings);
  feature.app.addHook("onListen", async () => alerts.start());
  feature.app.addHook("onClose", () => alerts.stop());
  registerRules(feature, alerts);
  registerAlertList(feature, alerts);
  registerAlertActs(feature, alerts);
}

function registerRules({ app, dependencies: { acts } }: Feature, alerts: TenantAlerts): void {
  app.get(
    "/v1/alert-rules",
    {
      config: { role: "viewer" },
      schema: {
        tags,
        summary: "The rules in force",
        querystring: z.strictObject({}),
        response: { 200: z.object({ items: z.array(alertRule) }), ...ERROR_RESPONSES },
      },
    },
    async ({ principal }) => {
      const inForce = await alerts.of(principal.tenant).rules.inForce();
      return { items: [...inForce.values()] };
    },
  );
  app.post(
    "/v1/alert-rules",
    {
      config: { role: "operator" },
      schema: {
        tags,
        summary: "Turns a rule on or off, or sets its threshold",
        body: alertRuleChange.strict(),
        response: { 200: alertRule, ...ERROR_RESPONSES },
      },
    },
    async (request) => {
      const { rules } = alerts.of(request.principal.tenant);
      rules.check(request.body);
      await recordAct(acts, request, "alert_rule.change", request.body);
      return await rules.change(request.body);
    },
  );
}

function registerAlertList({ app }: Feature, tenants: TenantAlerts): void {
  app.get(
    "/v1/alerts",
    {
      config: { role: "viewer" },
      schema: {
        tags,
        summary: "Alerts, the newest first",
        querystring: listQuery,
        response: { 200: alertList, ...ERROR_RESPONSES },
      },
    },
    async ({ principal, query: { cursor, limit, ...question } }) => {
      const after = cursor === undefined ? null : decodeCursor(question, cursor, [ANY]).after[0];
      const { alerts } = await tenants.of(principal.tenant).store.read();
      const fitting = alerts
        .filter(({ state }) => question.state === undefined || state === question.state)
        .filter(({ run_id }) => question.run_id === undefined || run_id === question.run_id)
        .sort((a, b) => (placeOf(a) < placeOf(b) ? 1 : -1))
        .filter((one) => !after || placeOf(one) < after);
      const items = fitting.slice(0, limit);
      const last = items.at(-1);
      const more = fitting.length > limit && last !== undefined;
      return { items, next_cursor: more ? encodeCursor(question, { after: [placeOf(last)], asOfMs: 0 }) : null };
    },
  );
}

function registerAlertActs({ app, dependencies: { acts, clock }, settings }: Feature, alerts: TenantAlerts): void {
  const channels: Channels = settings.alertWebhookUrl === null ? [] : ["webhook"];
  const config = { role: "operator" } as const;
  const shape = { tags, params: alertParameters, response: { 200: alert, ...ERROR_RESPONSES } };
  app.post(
    "/v1/alerts/:alert_id/acknowledge",
    { config, schema: { ...shape, summary: "Somebody looks at it" } },
    async (request) =>
      act(request, "alert.acknowledge", (one) => ({ ...one, state: "acknowledged", silenced_until: null })),
  );
  app.post(
    "/v1/alerts/:alert_id/silence",
    { config, schema: { ...shape, body: silence, summary: "No more of it until a time" } },
    async (request) => {
      const untilMs = Number(BigInt(unixNanoOf(request.body.until)) / 1_000_000n);
      const nowMs = clock();
      if (untilMs <= nowMs) throw invalidField("until", "is in the past");
      if (untilMs > nowMs + MAX_SILENCE_MS) throw invalidField("until", "is more than 30 days away");
      const silenced_until = timeOf(untilMs);
      return await act(request, "alert.silence", (one) => ({ ...one, state: "silenced", silenced_until }), {
        silenced_until,
      });
    },
  );
  app.post("/v1/alerts/:alert_id/resolve", { config, schema: { ...shape, summary: "It is over" } }, async (request) =>
    act(request, "alert.resolve", (one) => resolved(one, channels, clock())),
  );

  async function act(
    request: FastifyRequest<{ Params: z.infer<typeof alertParameters> }>,
    action: string,
    change: (one: KeptAlert) => KeptAlert,
    details: object = {},
  ): Promise<KeptAlert> {
    const id = request.params.alert_id;
    const { store } = alerts.of(request.principal.tenant);
    const { rule, run_id } = openAlert(await store.read(), id);
    await recordAct(acts, request, action, { alert_id: id, rule, run_id, ...details });
    const state = await store.update((before) => {
      openAlert(before, id);
      return withAlerts(before, (one) => (one.alert_id === id ? change(one) : one));
    });
    return findAlert(state, id);
  }
}

/** @throws QueryApiError `not_found`, `conflict`. */
function openAlert(state: AlertState, id: string): KeptAlert {
  const found = findAlert(state, id);
  if (isOpen(found)) return found;
  throw new QueryApiError("conflict", "the alert is resolved", { hint: "a resolved alert stays as it is" });
}

/** Orders alerts, and tells two of the same moment apart. */
function placeOf(one: KeptAlert): string {
  return `${one.fired_time} ${one.alert_id}`;
}
