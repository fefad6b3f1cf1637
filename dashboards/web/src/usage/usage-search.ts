import { DEFAULT_RANGE, RANGES, type Range } from "../runs/run-search.ts";

export const USAGE_DIMENSIONS = ["agent", "task_type", "model", "tool", "user"] as const;
export type UsageDimension = (typeof USAGE_DIMENSIONS)[number];

export interface UsageSearch {
  by?: UsageDimension;
  range?: Range;
}

export function readUsageSearch(raw: Record<string, unknown>): UsageSearch {
  const by = USAGE_DIMENSIONS.find((value) => value === raw["by"]);
  const range = RANGES.find(({ value }) => value === raw["range"])?.value;
  return { ...(by && by !== "agent" ? { by } : {}), ...(range && range !== DEFAULT_RANGE ? { range } : {}) };
}
