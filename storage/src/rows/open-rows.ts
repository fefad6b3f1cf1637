import { Readable } from "node:stream";
import { ClickHouseError, ClickHouseLogLevel, type ClickHouseSettings, createClient } from "@clickhouse/client";
import { StorageError } from "../error.ts";
import { type Column, encodeNativeBlock, fittingRows, type Unfit } from "./native-block.ts";
import type { Rows } from "./rows.ts";

export interface RowsSettings {
  /** One request, its answer included. Default 30 s. */
  requestTimeoutMs?: number;
  /** Requests under way at once; more wait. Default 10. */
  maxConnections?: number;
  /** Bodies are compressed (zstd) on their way. Default: unless the server is on this machine. */
  compress?: boolean;
  /** Told of each value that its column can't hold, which is then left out of the row. Default: such rows are refused. */
  onUnfit?: (unfit: Unfit) => void;
}

/**
 * ClickHouse at `http(s)://user:password@host:8123/database`, embedded or a server. Connects on first use.
 * Query parameters of the URL are not passed on.
 */
export function openRows(url: string, settings: RowsSettings = {}): Rows {
  const { requestTimeoutMs = 30_000, maxConnections = 10 } = settings;
  const client = createClient(connectionOf(url, requestTimeoutMs, maxConnections, settings.compress));
  const columnsOf = new Map<string, Promise<Column[]>>();

  const query = async <Row>(sql: string, parameters: Record<string, unknown> = {}): Promise<Row[]> => {
    const result = await client.query({
      query: sql,
      format: "JSONEachRow",
      query_params: parameters,
      clickhouse_settings: { max_execution_time: Math.ceil(requestTimeoutMs / 1000) },
    });
    return result.json<Row>();
  };
  const tableColumns = (table: string): Promise<Column[]> => {
    let columns = columnsOf.get(table);
    if (columns === undefined) {
      columns = query<Column>(COLUMNS_SQL, { table });
      columnsOf.set(table, columns);
      columns.catch(() => columnsOf.delete(table)); // asked again by the next insert
    }
    return columns;
  };

  return {
    insert: (table, rows, deduplicationToken) =>
      asStorageErrors(`insert into ${table}`, async () => {
        const first = rows[0];
        if (first === undefined) return;
        const known = new Map((await tableColumns(table)).map((column) => [column.name, column]));
        const columns = Object.keys(first).map((name) => {
          const column = known.get(name);
          if (column === undefined) throw new StorageError("rejected", `${table} has no column ${name}`);
          return column;
        });
        const result = await client.exec({
          query: `INSERT INTO ${table} (${columns.map((column) => column.name).join(", ")}) FORMAT Native`,
          values: Readable.from([blockOf(columns, rows as readonly Record<string, unknown>[], settings.onUnfit)]),
          clickhouse_settings: { ...INSERT_SETTINGS, insert_deduplication_token: deduplicationToken },
        });
        for await (const _ of result.stream); // the socket goes back to the pool when the answer is read
      }),
    query: (sql, parameters) => asStorageErrors("query", () => query(sql, parameters)),
    command: (sql, parameters = {}) =>
      asStorageErrors("command", async () => {
        await client.command({ query: sql, query_params: parameters });
        columnsOf.clear();
      }),
    ping: () =>
      asStorageErrors("ping", async () => {
        const answer = await client.ping({ select: true });
        if (!answer.success) throw answer.error;
      }),
    close: () => client.close(),
  };
}

/** Looks at single values only where the block can't be made: nearly never. */
function blockOf(
  columns: readonly Column[],
  rows: readonly Record<string, unknown>[],
  onUnfit: RowsSettings["onUnfit"],
): Buffer {
  try {
    return Buffer.concat(encodeNativeBlock(columns, rows));
  } catch (error) {
    if (onUnfit === undefined) throw error;
    return Buffer.concat(encodeNativeBlock(columns, fittingRows(columns, rows, onUnfit)));
  }
}

/** Creates the URL's database when it isn't there; a client of it can't, the server refuses each of its requests. */
export async function createDatabase(url: string, settings: RowsSettings = {}): Promise<void> {
  const { database = "default", ...connection } = connectionOf(url, settings.requestTimeoutMs ?? 30_000, 1, false);
  const client = createClient(connection);
  await asStorageErrors("create database", async () => {
    await client.command({ query: `CREATE DATABASE IF NOT EXISTS \`${database.replaceAll("`", "")}\`` });
  }).finally(() => client.close());
}

const COLUMNS_SQL =
  "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {table: String} ORDER BY position";

/**
 * One block, one part, one token. With `deduplicate_blocks_in_dependent_materialized_views` a repeated block that the table has
 * already still goes to the views, and each of their targets looks for the token itself: what a crash kept from a view arrives there,
 * and what arrived is not counted again.
 */
const INSERT_SETTINGS: ClickHouseSettings = {
  insert_deduplicate: 1,
  deduplicate_blocks_in_dependent_materialized_views: 1,
  async_insert: 0,
  input_format_parallel_parsing: 0,
  max_insert_block_size: "10000000",
  min_insert_block_size_rows: "10000000",
  min_insert_block_size_bytes: "0",
  max_insert_threads: "1",
  materialized_views_ignore_errors: 0,
  wait_end_of_query: 1,
};

function connectionOf(url: string, requestTimeoutMs: number, maxConnections: number, compress: boolean | undefined) {
  const { protocol, host, hostname, username, password, pathname } = parseUrl(url);
  const local = ["127.0.0.1", "localhost", "[::1]"].includes(hostname);
  const codec = (compress ?? !local) ? ({ codec: "zstd" } as const) : false;
  return {
    url: `${protocol}//${host}`,
    username: decodeURIComponent(username) || "default",
    password: decodeURIComponent(password),
    database: decodeURIComponent(pathname.slice(1)) || "default",
    application: "runledger",
    log: { level: ClickHouseLogLevel.OFF }, // every error is thrown, and told by who catches it
    request_timeout: requestTimeoutMs,
    max_open_connections: maxConnections,
    use_multipart_params_auto: true, // long lists of parameters don't fit a URL
    compression: { request: codec, response: codec },
    clickhouse_settings: {
      date_time_output_format: "iso" as const,
      output_format_json_quote_64bit_integers: 1 as const,
      output_format_json_quote_decimals: 1 as const,
    },
  };
}

function parseUrl(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed === null || !["http:", "https:"].includes(parsed.protocol))
    throw new StorageError("rejected", "the ClickHouse URL must be http(s)://user:password@host:port/database");
  return parsed;
}

/** Server errors that time heals: too many queries or parts, memory, timeouts, shutting down, network, read-only replicas, disk full. */
const TRANSIENT_CODES = new Set([
  "3",
  "32",
  "74",
  "75",
  "76",
  "101",
  "159",
  "160",
  "198",
  "202",
  "203",
  "209",
  "210",
  "225",
  "236",
  "241",
  "242",
  "243",
  "252",
  "285",
  "286",
  "290",
  "319",
  "394",
  "415",
  "425",
  "519",
  "574",
  "692",
  "999",
]);

async function asStorageErrors<Result>(what: string, act: () => Promise<Result>): Promise<Result> {
  try {
    return await act();
  } catch (cause) {
    if (cause instanceof StorageError) throw cause;
    const message = cause instanceof Error ? cause.message.split("\n", 1)[0] : String(cause);
    const fromServer = cause instanceof ClickHouseError;
    const code = fromServer && !TRANSIENT_CODES.has(cause.code) ? "rejected" : "unavailable";
    throw new StorageError(
      code,
      `ClickHouse ${what}: ${fromServer ? `${cause.type} (${cause.code}): ` : ""}${message}`,
      cause,
    );
  }
}
