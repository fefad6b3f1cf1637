import { MAX_RUN_ID_CHARS } from "@runledger/contract";

/** Names a run. What is longer stays an attribute: queries name many runs, and ClickHouse takes only so much of a list. */
export function isRunId(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= MAX_RUN_ID_CHARS;
}
