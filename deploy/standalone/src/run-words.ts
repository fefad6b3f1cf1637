import type { Run, RunStatus } from "@runledger/contract";
import pc from "picocolors";

const COLOUR: Record<RunStatus, (text: string) => string> = {
  running: pc.cyan,
  completed: pc.green,
  failed: pc.red,
  stopped: pc.yellow,
  killed: pc.magenta,
  handed_off: pc.blue,
  abandoned: pc.red,
};

export function colouredStatus(status: RunStatus): string {
  return COLOUR[status](status);
}

export function runName(run: Run): string {
  const version = run.agent.version === null ? "" : pc.dim(` ${run.agent.version}`);
  return `${run.agent.name ?? "—"}${version}`;
}

/** Unknown is a dash, never 0; nor is what is less than is shown. */
export function usd(run: Run): string {
  if (run.cost_usd === null) return "—";
  const amount = Number(run.cost_usd);
  const words = amount > 0 && amount < 0.0001 ? "<$0.0001" : `$${amount.toFixed(4)}`;
  return `${words}${more(run.cost_missing)}`;
}

export function tokens(run: Run): string {
  const sum = (tokens: number | null, missing: number) =>
    tokens === null ? "—" : `${tokens.toLocaleString("en-US")}${more(missing)}`;
  return `${sum(run.input_tokens, run.input_missing)} / ${sum(run.output_tokens, run.output_missing)}`;
}

/** How many tool calls there were; of those without a result nobody knows how they went. */
export function tools({ tool_call_count, tool_errors, tool_outcome_missing }: Run): string {
  const failed = tool_errors > 0 ? ` ${pc.red(`(${tool_errors} failed)`)}` : "";
  const missing = tool_outcome_missing > 0 ? ` ${pc.dim(`(${tool_outcome_missing} without a result)`)}` : "";
  return `${tool_call_count}${failed}${missing}`;
}

/** At least so much: some calls did not tell theirs. */
function more(missing: number): string {
  return missing > 0 ? "+?" : "";
}

export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const minutes = Math.floor(ms / 60_000);
  return minutes < 60 ? `${minutes} min ${Math.round((ms % 60_000) / 1_000)} s` : `${(minutes / 60).toFixed(1)} h`;
}
