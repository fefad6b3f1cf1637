import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RunledgerRecord } from "@runledger/contract";
import { type Objects, openObjects } from "@runledger/storage";
import { afterEach, beforeEach, expect, test } from "vitest";
import { publishSmallLog, recordOf } from "../testing/small-log.ts";
import { stepRow } from "../testing/step-rows.ts";
import { createEndsOfLogs } from "./ends-of-logs.ts";

let dir: string;
let objects: Objects;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "runledger-ends-"));
  objects = await openObjects(`file:${dir}`);
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const at = (hour: number) => `2026-11-29T${String(hour).padStart(2, "0")}:00:00.000000000Z`;
const since = (hour: number) => Date.parse(at(hour));
const ofRun = (step: string, hour: number) => recordOf(stepRow("r1", step), { received_time: at(hour) });
const metrics = (count: number, hour: number) =>
  Array.from({ length: count }, (_, i) =>
    recordOf(stepRow("", `m${i}`), { run_id: "", event: "metric", received_time: at(hour) }),
  );
const endOf = ({ record_id }: RunledgerRecord) => expect.objectContaining({ tenant: "default", recordId: record_id });

test("the first and the newest record of a run are found between any number of metrics, as far back as is asked", async () => {
  const [old, first, newest] = [ofRun("s0", 1), ofRun("s1", 5), ofRun("s2", 10)];
  await publishSmallLog(objects, [old, ...metrics(100, 3), first, ofRun("s", 7), newest, ...metrics(3_000, 11)], "1");
  const find = (hour: number) => createEndsOfLogs(objects).find("1", since(hour));
  expect(await find(0)).toEqual([endOf(old), endOf(newest)]);
  expect(await find(2)).toEqual([endOf(first), endOf(newest)]);
  expect(await find(9)).toEqual([endOf(newest), endOf(newest)]);
  expect(await find(10)).toEqual([]);
  expect(await find(12)).toEqual([]);
  expect(await createEndsOfLogs(objects).find("2", since(0))).toEqual([]);
});

test("what was read of a log is not read again, and its newest is known still when it grows by metrics alone", async () => {
  const log = [ofRun("s1", 5), ofRun("s2", 6), ...metrics(3_000, 7)];
  await publishSmallLog(objects, log, "1");
  let reads = 0;
  const read: Objects["read"] = (path) => {
    if (path.includes("tile/entries")) reads++;
    return objects.read(path);
  };
  const ends = createEndsOfLogs({ ...objects, read });
  const find = async () => {
    reads = 0;
    return { found: await ends.find("1", since(1)), reads };
  };
  const before = await find();
  await publishSmallLog(objects, [...log, ...metrics(1, 8)], "1");
  const grown = await find();
  const s3 = ofRun("s3", 9);
  await publishSmallLog(objects, [...log, ...metrics(1, 8), s3], "1");
  const [first, newest] = log.slice(0, 2).map((one) => endOf(one));
  expect([before.found, grown.found, (await find()).found]).toEqual([
    [first, newest],
    [first, newest],
    [first, endOf(s3)],
  ]);
  // All but the steps of the search for the first one.
  expect(before.reads - grown.reads).toBeGreaterThan(8);
  expect(await ends.find("1", since(10))).toEqual([]);
});
