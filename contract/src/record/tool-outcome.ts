/** What tells how a tool call went: `result_sha256` "" or null when nobody saw a result. */
export interface ToolOutcome {
  inferred: boolean;
  result_sha256: string | null;
  status: string;
}

/**
 * Does nobody tell how the tool call went? It was asked for in the messages, no span is of it, and no result was seen: whether it ran, nobody knows.
 * The same in SQL: storage/clickhouse/0016_tool_outcomes.sql.
 */
export function isOutcomeUnknown({ inferred, result_sha256, status }: ToolOutcome): boolean {
  return inferred && !result_sha256 && status !== "error";
}
