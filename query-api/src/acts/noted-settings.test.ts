import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Objects, openObjects, openRows, type Rows } from "@runledger/storage";
import { pino } from "pino";
import { Registry } from "prom-client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createApp } from "../app.ts";
import { queryApiSettings } from "../config.ts";
import { createRecordedActs, type RecordedActs } from "../testing/recorded-acts.ts";
import { createNotedSettings, noteSettings, type SettingsInForce } from "./noted-settings.ts";

let dir: string;
let objects: Objects;
let rows: Rows;
let acts: RecordedActs;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "runledger-settings-"));
  objects = await openObjects(`file:${dir}/objects`);
  rows = openRows("http://default:@127.0.0.1:1/nothing");
  acts = createRecordedActs();
});
afterEach(async () => {
  await rows.close();
  await rm(dir, { recursive: true, force: true });
});

const BEFORE = { encryption: true, retention_days_of_contents: 400, object_lock: null };
const AFTER = { encryption: false, retention_days_of_contents: 1, object_lock: null };

const start = (inForce: SettingsInForce, logIsEmpty: boolean, shard = "0", reason: string | null = null) =>
  noteSettings(createNotedSettings(objects, shard), inForce, {
    time_ms: 0,
    by: "root (system user)",
    reason,
    logIsEmpty,
  });

/** Runs an API of the shard until so much waits. */
async function record({ shard = "0", left = 0 } = {}): Promise<void> {
  const app = await createApp(
    {
      ...{ rows, objects, acts, keyring: null, clock: Date.now, random: Math.random, registry: new Registry() },
      ...{ logger: pino({ level: "silent" }), webDir: null, verifierKeys: [] },
    },
    queryApiSettings.parse({ shard }),
  );
  const tried = vi.spyOn(acts, "record");
  await app.listen({ port: 0 });
  const due = async () => (await createNotedSettings(objects, shard).read()).due.length;
  await vi.waitFor(async () => expect(left === 0 || tried.mock.calls.length > 0).toBe(true), { timeout: 20_000 });
  await vi.waitFor(async () => expect(await due()).toBe(left), { timeout: 20_000 });
  await app.close();
}

test("a start that finds other settings than the last one records what was, what is, who and why, once", async () => {
  await start(BEFORE, true);
  await record();
  expect(acts.recorded).toEqual([]);
  await start(AFTER, false, "0", "cheaper");
  await record();
  await start(AFTER, false);
  await record();
  expect(acts.recorded).toMatchObject([
    {
      ...{ action: "settings.change", reason: "cheaper" },
      principal: { keyId: null, name: "root (system user)", tenant: "default" },
      target: { change_id: expect.any(String), shard: "0", time: "1970-01-01T00:00:00.000000000Z" },
    },
  ]);
  expect(acts.recorded[0]?.target["changes"]).toEqual({
    encryption: { before: true, after: false },
    retention_days_of_contents: { before: 400, after: 1 },
  });
});

test("changes that could not be recorded yet wait, each, until they can be", async () => {
  await start(BEFORE, true);
  await start(AFTER, false);
  await start(BEFORE, false);
  acts.refuse(true);
  await record({ left: 2 });
  acts.refuse(false);
  await record();
  const encryption = acts.recorded.map(({ target }) => (target["changes"] as typeof BEFORE)["encryption"]);
  expect(encryption).toEqual([
    { before: true, after: false },
    { before: false, after: true },
  ]);
});

test("where a log has entries and no start has noted its settings, or the note was removed, all in force is told", async () => {
  await start(BEFORE, true);
  await objects.delete("state/settings/0.json");
  await start(AFTER, false);
  await record();
  expect(acts.recorded[0]?.target["changes"]).toEqual({
    encryption: { before: null, after: false },
    retention_days_of_contents: { before: null, after: 1 },
  });
});

test("shards over one store with other settings have changed nothing, start after start", async () => {
  for (let times = 0; times < 2; times++) {
    await start(BEFORE, true, "0");
    await start(AFTER, true, "1");
  }
  for (const shard of ["0", "1"]) await record({ shard });
  expect(acts.recorded).toEqual([]);
});
