import type { ListRunsQuery, Run, RunStatus } from "@runledger/contract";

export type RunOrder = ListRunsQuery["order"];

// Listed again, and held to the contract's types: importing its values would bring the whole of zod into the page.
export const STATUSES = [
  "running",
  "completed",
  "failed",
  "stopped",
  "killed",
  "handed_off",
  "abandoned",
] as const satisfies readonly RunStatus[];
const ORDERS = [
  "start_time",
  "-start_time",
  "cost_usd",
  "-cost_usd",
  "duration_ms",
  "-duration_ms",
  "steps",
  "-steps",
] as const satisfies readonly RunOrder[];

const MINUTE_MS = 60_000;
const RANGE_MS = {
  "15m": 15 * MINUTE_MS,
  "1h": 60 * MINUTE_MS,
  "6h": 360 * MINUTE_MS,
  "24h": 1_440 * MINUTE_MS,
  "7d": 10_080 * MINUTE_MS,
  "30d": 43_200 * MINUTE_MS,
  all: null,
} as const;
export type Range = keyof typeof RANGE_MS;
export const RANGES: { value: Range; label: string }[] = [
  { value: "15m", label: "Last 15 minutes" },
  { value: "1h", label: "Last hour" },
  { value: "6h", label: "Last 6 hours" },
  { value: "24h", label: "Last 24 hours" },
  { value: "7d", label: "Last 7 days" },
  { value: "30d", label: "Last 30 days" },
  { value: "all", label: "All time" },
];
export const DEFAULT_RANGE: Range = "24h";

export const TEXT_FILTERS = ["agent", "task_type", "model", "tool", "user", "session", "q"] as const;
export type TextFilter = (typeof TEXT_FILTERS)[number];

/** The list's filters and order as they stand in the address; absent: not filtered, newest first, last 24 hours. */
export interface RunSearch extends Partial<Record<TextFilter, string>> {
  status?: RunStatus;
  range?: Range;
  order?: RunOrder;
}

/** Reads an address someone may have typed: what is no filter is left out. */
export function readRunSearch(raw: Record<string, unknown>): RunSearch {
  const search: RunSearch = {};
  for (const name of TEXT_FILTERS) {
    const value = raw[name];
    if (value !== undefined && value !== null && value !== "") search[name] = String(value);
  }
  const status = STATUSES.find((value) => value === raw["status"]);
  const range = RANGES.find(({ value }) => value === raw["range"])?.value;
  const order = ORDERS.find((value) => value === raw["order"]);
  if (status) search.status = status;
  if (range && range !== DEFAULT_RANGE) search.range = range;
  if (order && order !== "-start_time") search.order = order;
  return search;
}

export function isFiltered(search: RunSearch): boolean {
  return search.status !== undefined || TEXT_FILTERS.some((name) => search[name] !== undefined);
}

/** The start of the range, to the minute; undefined for all time. */
export function sinceOf(search: RunSearch, nowMs = Date.now()): string | undefined {
  const length = RANGE_MS[search.range ?? DEFAULT_RANGE];
  if (length === null) return undefined;
  return new Date(Math.floor((nowMs - length) / MINUTE_MS) * MINUTE_MS).toISOString();
}

/** Whether a run heard of live belongs to the list. `null`: only the API can tell. */
export function matches(run: Run, search: RunSearch): boolean | null {
  const { status, agent, task_type, model, tool, user, session, q } = search;
  const fits =
    (!status || run.status === status) &&
    (!agent || run.agent.name === agent) &&
    (!task_type || run.task_type === task_type) &&
    (!model || run.models.includes(model)) &&
    (!tool || run.tools.includes(tool)) &&
    (!user || run.user_id === user) &&
    (!session || run.session_id === session);
  if (!fits) return false;
  return q ? null : true;
}
