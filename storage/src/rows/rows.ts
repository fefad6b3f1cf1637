/** Values of ClickHouse query parameters (`{name: Type}`). */
export type QueryParameters = Record<string, unknown>;

/**
 * ClickHouse through its HTTP interface, embedded or server alike.
 * Every rejection is a StorageError: `unavailable` (retry), `rejected` (the statement or data is wrong).
 */
export interface Rows {
  /**
   * Inserts rows as one block. Two inserts with one token count once, in the tables fed by materialised views too,
   * and a repeated insert repairs views that a crash left behind.
   */
  insert(table: string, rows: readonly object[], deduplicationToken: string): Promise<void>;
  /** All rows of a SELECT, as objects. 64-bit integers and decimals come as strings unless cast. */
  query<Row>(sql: string, parameters?: QueryParameters): Promise<Row[]>;
  /** Runs a statement without a result. */
  command(sql: string, parameters?: QueryParameters): Promise<void>;
  /** Resolves when the server answers. */
  ping(): Promise<void>;
  close(): Promise<void>;
}
