import type { ListRunsQuery, RunList } from "@runledger/contract";
import type { Rows } from "@runledger/storage";
import { type Cursor, decodeCursor, encodeCursor } from "../http/cursor.ts";
import { runFilter } from "./run-filter.ts";
import type { RunSummaries } from "./run-summaries.ts";
import { runSummaryParameters, runSummarySql, type SilenceSettings } from "./run-summary.ts";

/** Sort keys by order's name without its sign, and the type they are compared as. Runs of unknown cost come last when the dearest is first. */
const SORT_KEYS: Record<string, { sql: string; type: string }> = {
  start_time: { sql: "start_ns", type: "Int64" },
  cost_usd: { sql: "ifNull(cost_sum, toDecimal128(-1, 9))", type: "Decimal(38, 9)" },
  duration_ms: { sql: "duration_ns", type: "Int64" },
  steps: { sql: "toInt64(step_count)", type: "Int64" },
};
const CURSOR_SHAPE = [/^-?\d{1,30}(\.\d{1,9})?$/, /^/];

/** Whose runs are listed, and whether text of contents may be looked through for it. */
export interface Reader {
  tenant: string;
  seesContent: boolean;
}

export interface RunLists {
  list(reader: Reader, query: ListRunsQuery): Promise<RunList>;
}

/**
 * Lists in two steps: the page's run ids from the few columns that filter and order read, then everything of those runs.
 * A page starts after the last item's sort key, so runs that arrive meanwhile neither repeat nor hide others.
 */
export function createRunLists(
  rows: Rows,
  summaries: RunSummaries,
  clock: () => number,
  settings: SilenceSettings,
): RunLists {
  return {
    async list(reader, query) {
      const { cursor, limit, ...question } = query;
      const start: Cursor = cursor ? decodeCursor(question, cursor, CURSOR_SHAPE) : { after: [], asOfMs: clock() };
      const { sql, parameters } = pageSql(reader, query, start);
      const page = await rows.query<{ run_id: string; sort_text: string }>(sql, {
        ...runSummaryParameters(reader.tenant, start.asOfMs, settings),
        ...parameters,
      });
      const shown = page.slice(0, limit);
      const found = await summaries.byId(
        reader.tenant,
        shown.map((row) => row.run_id),
        start.asOfMs,
      );
      const last = shown.at(-1);
      return {
        items: shown.flatMap((row) => found.get(row.run_id)?.run ?? []),
        next_cursor:
          page.length > limit && last
            ? encodeCursor(question, { after: [last.sort_text, last.run_id], asOfMs: start.asOfMs })
            : null,
      };
    },
  };
}

function pageSql(
  reader: Reader,
  query: ListRunsQuery,
  start: Cursor,
): { sql: string; parameters: Record<string, unknown> } {
  const descending = query.order.startsWith("-");
  const direction = descending ? "DESC" : "ASC";
  const key = SORT_KEYS[query.order.replace("-", "")] ?? { sql: "start_ns", type: "Int64" };
  const filter = runFilter(query, start.asOfMs, reader.seesContent);
  const conditions = filter.sql === "" ? [] : [filter.sql];
  if (start.after.length > 0) {
    conditions.push(`(sort_key, run_id) ${descending ? "<" : ">"} ({after_key:${key.type}}, {after_id:String})`);
  }
  const sql = `
SELECT run_id, ${key.sql} AS sort_key, toString(sort_key) AS sort_text
FROM (${runSummarySql()})
${conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`}
ORDER BY sort_key ${direction}, run_id ${direction}
LIMIT {page:UInt32}`;
  const [after_key, after_id] = start.after;
  const after = after_key === undefined ? {} : { after_key, after_id };
  return { sql, parameters: { ...filter.parameters, ...after, page: query.limit + 1 } };
}
