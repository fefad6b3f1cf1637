import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadOrCreateSigningKey, type Objects, openObjects, type SigningKey } from "@runledger/storage";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type LogWriter, openLogWriter } from "./log-writer.ts";

let dir: string;
let objects: Objects;
let key: SigningKey;
let lists: number;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "runledger-partials-"));
  const stored = await openObjects(`file:${dir}/objects`);
  lists = 0;
  objects = {
    ...stored,
    list: (prefix) => {
      lists++;
      return stored.list(prefix);
    },
  };
  key = await loadOrCreateSigningKey(join(dir, "log.key"), "runledger.local/x/0");
});
afterEach(() => rm(dir, { recursive: true }));

async function grow(log: LogWriter, entries: number): Promise<void> {
  await log.extend(log.plan(Array.from({ length: entries }, (_, i) => Buffer.from(`entry ${log.size + i}`))));
}

async function partials(): Promise<string[]> {
  const found: string[] = [];
  for await (const { path } of objects.list("log/0/")) if (path.includes(".p/")) found.push(path);
  return found.sort();
}

test("the partial forms of a full tile are removed without asking which there are", async () => {
  const log = await openLogWriter(objects, "0", key);
  for (let batch = 0; batch < 12; batch++) await grow(log, 60);
  expect(lists).toBe(0);
  // 720 entries: the third tile has been written twice after the second was full.
  expect(await partials()).toEqual([
    "log/0/tile/0/002.p/148",
    "log/0/tile/0/002.p/208",
    "log/0/tile/0/002.p/28",
    "log/0/tile/0/002.p/88",
    "log/0/tile/1/000.p/1",
    "log/0/tile/1/000.p/2",
    "log/0/tile/entries/002.p/148",
    "log/0/tile/entries/002.p/208",
    "log/0/tile/entries/002.p/28",
    "log/0/tile/entries/002.p/88",
  ]);
});

test("those that an earlier process has written are looked up, once for each tile at the edge", async () => {
  const first = await openLogWriter(objects, "0", key);
  for (let batch = 0; batch < 3; batch++) await grow(first, 60);
  const second = await openLogWriter(objects, "0", key);
  await grow(second, 40);
  expect(lists).toBe(0);
  await grow(second, 300);
  expect(lists).toBe(2);
  await grow(second, 300);
  expect(lists).toBe(2);
  expect((await partials()).filter((path) => !path.includes("/tile/1/"))).toEqual([
    "log/0/tile/0/003.p/52",
    "log/0/tile/entries/003.p/52",
  ]);
});
