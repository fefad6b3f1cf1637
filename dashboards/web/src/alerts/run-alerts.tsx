import { useQuery } from "@tanstack/react-query";
import { alertsQuery } from "../api/queries.ts";
import { Icon } from "../ui/icon.tsx";

/** A run's alerts, gone quiet or not; choosing one chooses the step that completed it. */
export function RunAlerts({ runId, onSelect }: { runId: string; onSelect: (stepId: string) => void }) {
  const { data } = useQuery(alertsQuery({ run_id: runId }));
  return (data?.items ?? []).map((alert) => {
    const step = alert.step_ids.at(-1);
    return (
      <button
        key={alert.alert_id}
        type="button"
        className={alert.state === "firing" ? "chip chip-bad" : "chip"}
        title={alert.summary}
        disabled={step === undefined}
        onClick={() => step && onSelect(step)}
      >
        <Icon name="alert" />
        {alert.rule} {alert.state}
      </button>
    );
  });
}
