import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  migrate,
  type Objects,
  openObjects,
  openOrCreateKeyring,
  openRows,
  type Rows,
  startEmbeddedClickHouse,
} from "@runledger/storage";
import { pino } from "pino";
import { Registry } from "prom-client";
import { createApp } from "../app.ts";
import { queryApiSettings } from "../config.ts";
import type { App, QueryApiDependencies } from "../dependencies.ts";
import { createRecordedActs, type RecordedActs } from "./recorded-acts.ts";
import { START_MS } from "./step-rows.ts";

export interface ApiUnderTest {
  app: App;
  rows: Rows;
  objects: Objects;
  /** Where the objects lie, for tests that do what a store refuses. */
  objectsDir: string;
  dependencies: QueryApiDependencies;
  /** What was recorded of what the tests did. */
  acts: RecordedActs;
  /** The clock of the API: moved by the test. */
  clock: { nowMs: number };
  /** Status and parsed body of a GET. */
  get(url: string): Promise<{ status: number; body: unknown; headers: Record<string, unknown> }>;
  close(): Promise<void>;
}

/** The query API on a real ClickHouse (one of its own, unless `replaced` has rows) and a real object store in a fresh folder. */
export async function startApiUnderTest(
  settings: Parameters<typeof queryApiSettings.parse>[0] = {},
  replaced: Partial<QueryApiDependencies> = {},
): Promise<ApiUnderTest> {
  const dir = await mkdtemp(join(tmpdir(), "runledger-api-"));
  const logger = pino({ level: "silent" });
  const { rows, stopRows } = replaced.rows
    ? { rows: replaced.rows, stopRows: async () => undefined }
    : await startRows(join(dir, "clickhouse"));
  const acts = createRecordedActs();
  const clock = { nowMs: START_MS + 60_000 };
  const objects = await openObjects(`file:${join(dir, "objects")}`);
  const dependencies: QueryApiDependencies = {
    rows,
    objects,
    keyring: await openOrCreateKeyring(objects, { file: join(dir, "master.key") }),
    acts,
    clock: () => clock.nowMs,
    random: Math.random,
    logger,
    registry: new Registry(),
    webDir: null,
    verifierKeys: ["example.com/log+00000000+AQ=="],
    ...replaced,
  };
  const app = await createApp(dependencies, queryApiSettings.parse(settings));
  return {
    app,
    rows,
    objects: dependencies.objects,
    objectsDir: join(dir, "objects"),
    dependencies,
    acts,
    clock,
    async get(url) {
      const response = await app.inject({ url });
      const isJson = String(response.headers["content-type"]).includes("json");
      return { status: response.statusCode, body: isJson ? response.json() : response.body, headers: response.headers };
    },
    async close() {
      await app.close();
      await stopRows();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function startRows(dir: string): Promise<{ rows: Rows; stopRows: () => Promise<void> }> {
  const clickhouse = await startEmbeddedClickHouse({ dir, logger: pino({ level: "silent" }) });
  const rows = openRows(clickhouse.url);
  await migrate(rows, { retentionDays: 20_000 });
  const stopRows = async () => {
    await rows.close();
    await clickhouse.stop();
  };
  return { rows, stopRows };
}
