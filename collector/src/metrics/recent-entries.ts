import type { LogEntryRow } from "@runledger/contract";

/**
 * The rows of the log's newest entries, from the one who writes it to its index: what is here need not be read from the log again. It may
 * be empty at any time; it never holds a row of an entry that is not published.
 */
export interface RecentEntries {
  /** Rows in the order of the log. */
  add(rows: readonly LogEntryRow[]): void;
  /** At most `limit` rows from the entry `index` on, [] when that one is not here. Rows of entries before it are forgotten. */
  from(index: number, limit: number): LogEntryRow[];
}

/** Some 20 MB; more than that waits in the log. */
const MAX_ROWS = 20_000;

export function createRecentEntries(maxRows: number = MAX_ROWS): RecentEntries {
  let held: LogEntryRow[] = [];
  return {
    add(rows) {
      if (rows.length === 0) return;
      const follows = rows[0]?.log_index === (held.at(-1)?.log_index ?? -1) + 1;
      held = (follows ? [...held, ...rows] : [...rows]).slice(-maxRows);
    },
    from(index, limit) {
      const first = held[0]?.log_index ?? 0;
      if (index < first) return [];
      held = held.slice(index - first);
      return held.slice(0, limit);
    },
  };
}
