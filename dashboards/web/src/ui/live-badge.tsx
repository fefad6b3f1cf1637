import type { LiveState } from "../api/live.ts";

const LABELS: Record<LiveState, [label: string, hint: string]> = {
  connecting: ["Connecting", "Opening the event stream"],
  live: ["Live", "Changes appear as they happen"],
  polling: ["Polling", "No event stream: asking every few seconds"],
};

export function LiveBadge({ state }: { state: LiveState }) {
  const [label, hint] = LABELS[state];
  return (
    <span className="live" data-state={state} title={hint} role="status">
      {label}
    </span>
  );
}
