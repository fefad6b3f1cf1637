import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { StorageError } from "../error.ts";
import type { Rows } from "./rows.ts";

export interface MigrationSettings {
  /** Days a row is kept, by the collector's clock; changing it changes the tables. */
  retentionDays: number;
}

/** Which column tells a row's age. */
const EXPIRES_BY = {
  steps: "toDateTime(received_time)",
  runs: "toDateTime(last_seen_time)",
  usage_by_minute: "received_day",
  corrections: "toDateTime(received_time)",
  run_corrections: "toDateTime(received_time)",
  answers: "toDateTime(received_time)",
  model_calls: "toDateTime(received_time)",
  log_entries: "inserted_time",
  acts: "toDateTime(received_time)",
  metric_points: "toDateTime(received_time)",
} as const;

/** The tables that `rebuild` empties, in an order in which nothing refers to what is gone. */
export const DERIVED_TABLES = [
  "steps",
  "runs",
  "usage_by_minute",
  "corrections",
  "run_corrections",
  "answers",
  "model_calls",
  "log_entries",
  "acts",
  "metric_points",
] as const satisfies readonly (keyof typeof EXPIRES_BY)[];

/** A TTL is a 32-bit time: beyond 2106 it wraps round, and everything would be expired. */
const MAX_RETENTION_DAYS = 20_000;

const MIGRATIONS = new URL("../../clickhouse/", import.meta.url);

/**
 * Brings the database of `rows` to the newest version: runs each file of `storage/clickhouse` that it has not seen, in order, and sets the
 * retention. Idempotent, and safe to interrupt: each statement is one that may run again.
 * @returns the versions it applied. @throws StorageError `rejected` when an applied file has been changed since.
 */
export async function migrate(rows: Rows, settings: MigrationSettings): Promise<string[]> {
  const { retentionDays } = settings;
  if (!Number.isSafeInteger(retentionDays) || retentionDays < 1 || retentionDays > MAX_RETENTION_DAYS)
    throw new StorageError("rejected", `a retention of ${retentionDays} days: it must be 1 to ${MAX_RETENTION_DAYS}`);
  await rows.command(
    `CREATE TABLE IF NOT EXISTS migrations (version String, sha256 String, applied_time DateTime DEFAULT now())
     ENGINE = ReplacingMergeTree ORDER BY version`,
  );
  const done = await rows.query<{ version: string; sha256: string }>("SELECT version, sha256 FROM migrations FINAL");
  const shaOf = new Map(done.map((migration) => [migration.version, migration.sha256]));
  const applied: string[] = [];
  for (const { version, text } of await migrationFiles()) {
    const sha256 = createHash("sha256").update(text).digest("hex");
    const before = shaOf.get(version);
    if (before !== undefined && before !== sha256)
      throw new StorageError(
        "rejected",
        `migration ${version} is not the one this database was made with. Stop Runledger, remove the database (its own: clickhouse/ in the data directory) and run \`runledger rebuild\``,
      );
    if (before !== undefined) continue;
    for (const statement of statementsOf(text)) await rows.command(statement);
    await rows.insert("migrations", [{ version, sha256 }], `migration-${version}`);
    applied.push(version);
  }
  await setRetention(rows, retentionDays);
  return applied;
}

async function migrationFiles(): Promise<{ version: string; text: string }[]> {
  const names = (await readdir(MIGRATIONS)).filter((name) => name.endsWith(".sql")).sort();
  return Promise.all(
    names.map(async (name) => ({
      version: name.replace(/\.sql$/, ""),
      text: await readFile(new URL(name, MIGRATIONS), "utf8"),
    })),
  );
}

/** A statement ends with a `;` at the end of its line; comments go, so that one in them ends nothing. */
function statementsOf(sql: string): string[] {
  return sql
    .replaceAll(/^\s*--.*$/gm, "")
    .split(/;\s*$/m)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== "");
}

/** Alters only the tables whose retention is another one: an ALTER rewrites parts. */
async function setRetention(rows: Rows, days: number): Promise<void> {
  const tables = await rows.query<{ name: string; sql: string }>(
    "SELECT name, create_table_query AS sql FROM system.tables WHERE database = currentDatabase()",
  );
  for (const [table, column] of Object.entries(EXPIRES_BY)) {
    const ttl = `${column} + toIntervalDay(${days})`;
    if (tables.some(({ name, sql }) => name === table && sql.includes(`TTL ${ttl}`))) continue;
    await rows.command(`ALTER TABLE ${table} MODIFY TTL ${ttl}`);
  }
}
