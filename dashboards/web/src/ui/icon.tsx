import type { RunStatus, StepKind } from "@runledger/contract";

/** Stroked 16 × 16 shapes; each status and kind has one of its own, so colour is never the only sign. */
const PATHS = {
  running: "M8 2.5a5.5 5.5 0 1 1-5.5 5.5",
  completed: "M2.5 8a5.5 5.5 0 1 0 11 0 5.5 5.5 0 1 0-11 0M5.6 8.2l1.7 1.7 3.2-3.6",
  failed: "M2.5 8a5.5 5.5 0 1 0 11 0 5.5 5.5 0 1 0-11 0M6.1 6.1l3.8 3.8M9.9 6.1 6.1 9.9",
  stopped: "M5.6 2.5h4.8l3.1 3.1v4.8l-3.1 3.1H5.6l-3.1-3.1V5.6zM6 8h4",
  killed: "M2.5 8a5.5 5.5 0 1 0 11 0 5.5 5.5 0 1 0-11 0M4.2 4.2l7.6 7.6",
  handed_off: "M2.5 8h10M9 4.5 12.5 8 9 11.5",
  abandoned:
    "M8 2.5a5.5 5.5 0 0 1 2.1.4M12.4 4.7a5.5 5.5 0 0 1 1 2.2M13.2 9.8a5.5 5.5 0 0 1-1.5 2.3M9.6 13.3a5.5 5.5 0 0 1-2.6.1M4.4 12.2a5.5 5.5 0 0 1-1.4-1.9M2.5 7.4a5.5 5.5 0 0 1 .8-2.3M5 3.4l.4-.2",
  llm: "M8 2.2 9.5 6.5 13.8 8 9.5 9.5 8 13.8 6.5 9.5 2.2 8l4.3-1.5z",
  tool: "M10.2 2.6a3.3 3.3 0 0 0-3.6 4.6l-4 4 2.2 2.2 4-4a3.3 3.3 0 0 0 4.6-3.6L11.2 8 8 4.8z",
  decision: "M8 2.2 13.8 8 8 13.8 2.2 8z",
  guardrail: "M8 2.2 13 4v3.6c0 3-2.1 5.2-5 6.2-2.9-1-5-3.2-5-6.2V4z",
  approval: "M5 5.2a2.4 2.4 0 1 0 4.8 0 2.4 2.4 0 1 0-4.8 0M2.6 13.2c.4-2.6 2.2-4 4.8-4M9.6 11.4l1.5 1.5 2.6-3",
  handoff: "M2.5 8h10M9 4.5 12.5 8 9 11.5",
  state:
    "M3 4.2c0-1.1 2.2-2 5-2s5 .9 5 2-2.2 2-5 2-5-.9-5-2v7.6c0 1.1 2.2 2 5 2s5-.9 5-2V4.2M3 8c0 1.1 2.2 2 5 2s5-.9 5-2",
  limit: "M5.6 2.5h4.8l3.1 3.1v4.8l-3.1 3.1H5.6l-3.1-3.1V5.6zM8 5v3.6M8 10.8v.2",
  agent: "M3.5 6h9v6.5h-9zM8 3v3M6 9v.6M10 9v.6",
  other: "M4.5 8a3.5 3.5 0 1 0 7 0 3.5 3.5 0 1 0-7 0",
  alert: "M8 2.6 14 13.2H2zM8 6.4v3.2M8 11.4v.2",
  search: "M2.8 7a4.2 4.2 0 1 0 8.4 0 4.2 4.2 0 1 0-8.4 0M10.2 10.2l3.2 3.2",
  close: "M4 4l8 8M12 4l-8 8",
  copy: "M5.5 5.5h7.5v7.5H5.5zM3 10.5V3h7.5",
  check: "M3.2 8.4l3 3 6.6-7",
  up: "M4 9.5 8 5.5l4 4",
  down: "M4 6.5l4 4 4-4",
  right: "M6 4l4 4-4 4",
  repeat: "M3 7V6a2 2 0 0 1 2-2h7M10 2l2 2-2 2M13 9v1a2 2 0 0 1-2 2H4M6 14l-2-2 2-2",
} as const satisfies Record<RunStatus | StepKind, string> & Record<string, string>;
export type IconName = keyof typeof PATHS;

export function Icon({ name, className = "" }: { name: IconName; className?: string }) {
  return (
    <svg
      className={`icon ${className}`}
      viewBox="0 0 16 16"
      width="16"
      height="16"
      aria-hidden="true"
      focusable="false"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
