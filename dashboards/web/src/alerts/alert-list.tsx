import type { Alert } from "@runledger/contract";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { alertsQuery } from "../api/queries.ts";
import { shortCount, usd } from "../format/number.ts";
import { RelativeTime, useNow } from "../ui/clock.tsx";
import { Icon } from "../ui/icon.tsx";

const SHOWN = 3;

/** What fires now: which run, why, what it burns. Nothing is shown while all is quiet. */
export function AlertList() {
  const alerts = useQuery(alertsQuery);
  const nowMs = useNow();
  const [all, setAll] = useState(false);
  const firing = (alerts.data?.items ?? []).filter((alert) => alert.state === "firing");
  if (alerts.error) {
    return (
      <p className="alerts-unknown muted" role="status">
        <Icon name="alert" /> Alerts can't be loaded: {alerts.error.message}
      </p>
    );
  }
  if (firing.length === 0) return null;
  const hidden = firing.length - SHOWN;
  return (
    <section className="alerts" aria-label="Firing alerts">
      <ul>
        {(all ? firing : firing.slice(0, SHOWN)).map((alert) => (
          <AlertLine key={alert.alert_id} alert={alert} nowMs={nowMs} />
        ))}
      </ul>
      {hidden > 0 ? (
        <button type="button" className="link-button" onClick={() => setAll(!all)}>
          {all ? "Show fewer" : `${hidden} more firing`}
        </button>
      ) : null}
    </section>
  );
}

function AlertLine({ alert, nowMs }: { alert: Alert; nowMs: number }) {
  const step = alert.step_ids.at(-1);
  const burns = alert.cost_per_minute_usd === null ? "" : ` (${usd(alert.cost_per_minute_usd)}/min)`;
  return (
    <li>
      <Icon name="alert" />
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
        <RelativeTime time={alert.fired_time} nowMs={nowMs} />
      </span>
    </li>
  );
}
