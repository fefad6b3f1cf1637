import type { Alert } from "@runledger/contract";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { alertsQuery } from "../api/queries.ts";
import { plural, shortCount, usd } from "../format/number.ts";
import { epochMs } from "../format/time.ts";
import { RelativeTime, useNow } from "../ui/clock.tsx";
import { Icon } from "../ui/icon.tsx";

const SHOWN = 3;
const RECENT_MS = 3_600_000;

/** What fires now: which run, why, what it burns. What has gone quiet within the hour is a line to unfold. */
export function AlertList() {
  const firing = useQuery(alertsQuery({ state: "firing" }));
  const resolved = useQuery(alertsQuery({ state: "resolved" }));
  const nowMs = useNow();
  if (firing.error) {
    return (
      <p className="alerts-unknown muted" role="status">
        <Icon name="alert" /> Alerts can't be loaded: {firing.error.message}
      </p>
    );
  }
  const recent = (resolved.data?.items ?? []).filter((alert) => nowMs - epochMs(alert.fired_time) < RECENT_MS);
  return (
    <>
      <Alerts alerts={firing.data?.items ?? []} label="Firing alerts" shown={SHOWN} nowMs={nowMs} />
      <Alerts alerts={recent} label="Alerts of the last hour, resolved" shown={0} nowMs={nowMs} />
    </>
  );
}

function Alerts({ alerts, label, shown, nowMs }: { alerts: Alert[]; label: string; shown: number; nowMs: number }) {
  const [all, setAll] = useState(false);
  const hidden = alerts.length - shown;
  if (alerts.length === 0) return null;
  const toggle =
    shown === 0
      ? `${plural(hidden, "alert")} resolved within the last hour`
      : all
        ? "Show fewer"
        : `${hidden} more firing`;
  const lines = all ? alerts : alerts.slice(0, shown);
  return (
    <section className="alerts" data-quiet={shown === 0} aria-label={label}>
      {hidden > 0 && shown === 0 ? <AlertToggle text={toggle} open={all} onToggle={() => setAll(!all)} /> : null}
      {lines.length > 0 ? (
        <ul>
          {lines.map((alert) => (
            <AlertLine key={alert.alert_id} alert={alert} nowMs={nowMs} />
          ))}
        </ul>
      ) : null}
      {hidden > 0 && shown > 0 ? <AlertToggle text={toggle} open={all} onToggle={() => setAll(!all)} /> : null}
    </section>
  );
}

function AlertToggle({ text, open, onToggle }: { text: string; open: boolean; onToggle: () => void }) {
  return (
    <button type="button" className="alert-toggle" aria-expanded={open} onClick={onToggle}>
      <Icon name={open ? "down" : "right"} />
      {text}
    </button>
  );
}

function AlertLine({ alert, nowMs }: { alert: Alert; nowMs: number }) {
  const step = alert.step_ids.at(-1);
  const burns = alert.cost_per_minute_usd === null ? "" : ` (${usd(alert.cost_per_minute_usd)}/min)`;
  return (
    <li>
      <Icon name="alert" className="alert-icon" />
      <code>{alert.rule}</code>
      <Link to="/runs/$runId" params={{ runId: alert.run_id }} search={step ? { step } : {}} className="alert-link">
        <strong>{alert.agent ?? "unnamed agent"}</strong> {alert.summary}
      </Link>
      <span className="alert-facts">
        {alert.cost_usd === null ? null : (
          <span>
            {usd(alert.cost_usd)} burnt{burns}
          </span>
        )}
        {alert.tokens === null ? null : <span>{shortCount(alert.tokens)} tokens</span>}
        {alert.action_taken ? (
          <span className="bad">{alert.action_taken.error === null ? "run killed" : "could not kill the run"}</span>
        ) : null}
        <RelativeTime time={alert.fired_time} nowMs={nowMs} />
      </span>
    </li>
  );
}
