import { readdir, readFile } from "node:fs/promises";
import { join, sep } from "node:path";
import { gunzipSync, inflateRawSync, inflateSync } from "node:zlib";
import { openRows, startEmbeddedClickHouse } from "@runledger/storage";

/** Words, each with the places where it was found: a folder two deep, or a column of ClickHouse. */
export type WordsLeft = Record<string, string[]>;

/** What ClickHouse keeps compressed is asked for instead (`wordsInRows`); the journal and its notes of rewritings forget a minute or two later. */
const NOT_FILES = ["journal", join("clickhouse", "data", "store")];

/** The words (`<user>` or `<user>-<field>`) in the names and bytes of all files of a stopped data directory, and in what they inflate to. */
export async function wordsInFiles(dataDir: string, user: string): Promise<WordsLeft> {
  const found: WordsLeft = {};
  for (const entry of await readdir(dataDir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name).slice(dataDir.length + 1);
    if (!entry.isFile() || NOT_FILES.some((folder) => path.startsWith(folder + sep))) continue;
    const bytes = await readFile(join(dataDir, path));
    const texts = [path, ...[bytes, ...inflated(bytes)].map((form) => form.toString("latin1"))];
    for (const text of texts) note(found, text, user, path.split(sep).slice(0, 3).join("/"));
  }
  return found;
}

/** And in all columns of all tables of its ClickHouse. */
export async function wordsInRows(dataDir: string, user: string): Promise<WordsLeft> {
  const found: WordsLeft = {};
  const logger = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const clickhouse = await startEmbeddedClickHouse({ dir: join(dataDir, "clickhouse"), logger });
  const rows = openRows(clickhouse.url);
  const tables = await rows.query<{ name: string }>(
    "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine NOT LIKE '%View'",
  );
  for (const { name } of tables)
    for (const row of await rows.query<Record<string, unknown>>(`SELECT * FROM ${name}`))
      for (const [column, value] of Object.entries(row)) note(found, JSON.stringify(value), user, `${name}.${column}`);
  await rows.close();
  await clickhouse.stop();
  return found;
}

function inflated(bytes: Buffer): Buffer[] {
  return [gunzipSync, inflateSync, inflateRawSync].flatMap((inflate) => {
    try {
      return [inflate(bytes)];
    } catch {
      return [];
    }
  });
}

function note(found: WordsLeft, text: string, user: string, place: string): void {
  for (const [word] of text.matchAll(new RegExp(`${user}(?:-[a-z]+)*`, "g"))) {
    const places = found[word] ?? [];
    if (!places.includes(place)) found[word] = [...places, place].sort();
  }
}
