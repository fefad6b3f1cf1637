import { mkdir, mkdtemp, open, readdir, readFile, rename, rm, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { openJournalCursor } from "./cursor.ts";
import type { JournalEntry } from "./journal.ts";
import { openJournalReader } from "./reader.ts";
import { openJournalWriter } from "./writer.ts";
import { MAX_AGED_SEGMENTS } from "./writer-settings.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "journal-"));
});
afterEach(async () => {
  await rm(dir, { recursive: true });
});

const settings = {
  followers: ["audit", "metrics"],
  warn: (message: string) => {
    throw new Error(message);
  },
};

function entry(text: string, tenant = "default"): JournalEntry {
  return {
    signal: "traces",
    format: "protobuf",
    encoding: "gzip",
    tenant,
    receivedUnixNano: 1_700_000_000_123_456_789n,
    body: Buffer.from(text),
  };
}

async function readAll(fromSeq = 1): Promise<string[]> {
  const reader = openJournalReader(dir);
  const bodies: string[] = [];
  for (let seq = fromSeq; ; ) {
    const frames = await reader.read(seq, 100);
    if (frames.length === 0) break;
    for (const frame of frames) {
      expect(frame.seq).toBe(seq);
      bodies.push(Buffer.from(frame.body).toString());
      seq += 1;
    }
  }
  await reader.close();
  return bodies;
}

test("a frame comes back as it was appended", async () => {
  const writer = await openJournalWriter(dir, settings);
  expect(await writer.append(entry("body", "tenant-ä"))).toBe(1);
  await writer.close();
  const reader = openJournalReader(dir);
  const [frame] = await reader.read(1, 1000);
  expect(frame).toEqual({ ...entry("body", "tenant-ä"), seq: 1 });
  await reader.close();
});

test("appends at the same time get ascending numbers in the order of the calls", async () => {
  const writer = await openJournalWriter(dir, settings);
  const texts = Array.from({ length: 500 }, (_, index) => `body ${index}`);
  const seqs = await Promise.all(texts.map((text) => writer.append(entry(text))));
  expect(seqs).toEqual(texts.map((_, index) => index + 1));
  await writer.close();
  expect(await readAll()).toEqual(texts);
});

test("a reopened journal goes on where it ended", async () => {
  for (const [index, text] of ["a", "b", "c"].entries()) {
    const writer = await openJournalWriter(dir, settings);
    expect(await writer.append(entry(text))).toBe(index + 1);
    await writer.close();
  }
  expect(await readAll()).toEqual(["a", "b", "c"]);
  expect(await readAll(3)).toEqual(["c"]);
});

test("reading goes over segment borders, from any frame, while the journal grows", async () => {
  const writer = await openJournalWriter(dir, { ...settings, segmentBytes: 300 });
  const reader = openJournalReader(dir);
  const seen: string[] = [];
  for (let index = 0; index < 40; index += 1) {
    await writer.append(entry(`body ${index}`));
    if (index % 3 === 0)
      for (const frame of await reader.read(seen.length + 1, 30)) seen.push(Buffer.from(frame.body).toString());
  }
  await reader.close();
  await writer.close();
  expect(seen).toEqual(Array.from({ length: seen.length }, (_, index) => `body ${index}`));
  expect(writer.stats().segments).toBeGreaterThan(5);
  expect(await readAll()).toHaveLength(40);
  for (let seq = 1; seq <= 40; seq += 1) expect(await readAll(seq)).toHaveLength(41 - seq);
});

test("a body larger than asked for comes alone", async () => {
  const writer = await openJournalWriter(dir, settings);
  await Promise.all([writer.append(entry("x".repeat(5000))), writer.append(entry("y"))]);
  const reader = openJournalReader(dir, { chunkBytes: 10 });
  expect((await reader.read(1, 100)).map((frame) => frame.seq)).toEqual([1]);
  expect((await reader.read(2, 100)).map((frame) => frame.seq)).toEqual([2]);
  expect(await reader.read(3, 100)).toEqual([]);
  await reader.close();
  await writer.close();
});

test("a full journal refuses appends and takes them again when its followers have passed a segment", async () => {
  const writer = await openJournalWriter(dir, { ...settings, maxJournalBytes: 4000, removeEveryMs: 3_600_000 });
  let appended = 0;
  const fill = async () => {
    for (; ; appended += 1) await writer.append(entry("z".repeat(200)));
  };
  await expect(fill()).rejects.toMatchObject({ code: "full", retryable: true });
  expect(await writer.trouble()).toContain("the journal holds its");
  expect(await writer.removeFinishedSegments()).toBe(0);
  await openJournalCursor(dir, "audit").save(appended + 1);
  expect(await writer.removeFinishedSegments()).toBe(0);
  await openJournalCursor(dir, "metrics").save(6);
  expect(await writer.removeFinishedSegments()).toBe(1);
  expect(await writer.append(entry("again"))).toBe(appended + 1);
  await writer.close();
  expect((await readAll(6)).at(-1)).toBe("again");
  const reader = openJournalReader(dir);
  await expect(reader.read(1, 100)).rejects.toMatchObject({ code: "damaged" });
  await reader.close();
});

test("a full journal has room left for what Runledger itself sends, and says that it is full", async () => {
  const writer = await openJournalWriter(dir, { ...settings, maxJournalBytes: 4000, ownRoomBytes: 1000 });
  const fill = async (more: object) => {
    for (let appended = 0; ; appended += 1) {
      const full = await writer.append({ ...entry("z".repeat(200)), ...more }).catch((error: unknown) => error);
      if (typeof full === "object") return { appended, full };
    }
  };
  expect(await fill({})).toMatchObject({ full: { code: "full" } });
  expect(await writer.append({ ...entry("act"), own: true })).toBeGreaterThan(0);
  expect(await writer.trouble()).toContain("the journal holds its");
  expect(await fill({ own: true })).toMatchObject({ appended: 3, full: { code: "full" } });
  await writer.close();
});

test("a segment that followers have passed goes away when it is old, however few requests come", async () => {
  const writer = await openJournalWriter(dir, { ...settings, removeEveryMs: 5, segmentAgeMs: 20 });
  const reader = openJournalReader(dir);
  const onDisk = async () =>
    Buffer.concat(
      await Promise.all(
        (await readdir(dir)).filter((name) => name.endsWith(".segment")).map((name) => readFile(join(dir, name))),
      ),
    );
  await writer.append(entry("a canary"));
  await expect.poll(() => writer.stats().segments).toBe(2);
  expect(await reader.read(1, 100)).toMatchObject([{ seq: 1 }]);
  expect((await onDisk()).includes("a canary")).toBe(true);
  for (const name of settings.followers) await openJournalCursor(dir, name).save(2);
  await expect.poll(() => writer.stats().segments).toBe(1);
  expect((await onDisk()).includes("a canary")).toBe(false);
  // An empty one does not grow old, and readers that stood in the one before go on.
  expect(await reader.read(2, 100)).toEqual([]);
  expect(await writer.append(entry("next"))).toBe(2);
  await expect.poll(() => reader.read(2, 100)).toMatchObject([{ seq: 2 }]); // its marker follows the answer
  await reader.close();
  await writer.close();
  expect(await readAll(2)).toEqual(["next"]);
});

test("followers that are behind don't make segments pile up for their age", async () => {
  const writer = await openJournalWriter(dir, { ...settings, removeEveryMs: 1, segmentAgeMs: 1 });
  for (let seq = 1; seq <= MAX_AGED_SEGMENTS + 20; seq += 1) {
    await writer.append(entry(`body ${seq}`));
    if (seq <= MAX_AGED_SEGMENTS) await expect.poll(() => writer.stats().segments, { interval: 1 }).toBe(seq + 1);
  }
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(writer.stats().segments).toBe(MAX_AGED_SEGMENTS + 1);
  await writer.close();
  expect(await readAll()).toHaveLength(MAX_AGED_SEGMENTS + 20);
});

test("what waits for the disk is bounded", async () => {
  const writer = await openJournalWriter(dir, { ...settings, maxQueuedBytes: 1000 });
  const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => writer.append(entry("q".repeat(200)))));
  expect(outcomes.filter((outcome) => outcome.status === "rejected").map((outcome) => outcome.reason.code)).toEqual(
    Array.from({ length: 7 }, () => "full"),
  );
  expect(await writer.append(entry("q".repeat(200)))).toBe(4);
  await writer.close();
});

test("a cursor begins at the first frame there is, never goes back and survives", async () => {
  const cursor = openJournalCursor(dir, "audit");
  expect(await cursor.load()).toBe(1);
  await cursor.save(7);
  await expect(cursor.save(6)).rejects.toMatchObject({ code: "rejected" });
  expect(await openJournalCursor(dir, "audit").load()).toBe(7);
});

test("a disk that does not let us at the journal is told of, with the file and a way out", async () => {
  const writer = await openJournalWriter(dir, settings);
  await writer.append(entry("one"));
  await writer.close();
  const path = join(dir, "0000000000000001.segment");
  const probe = await open(path, "r");
  const prototype = Object.getPrototypeOf(probe);
  await probe.close();
  // The first fsync is of the directory above, then come the journal's own and the file's.
  for (const [count, where] of [dir, dir, path].entries()) {
    const sync = vi.spyOn(prototype, "sync");
    for (let i = 0; i < count; i++) sync.mockResolvedValueOnce(undefined);
    sync.mockRejectedValueOnce(Object.assign(new Error("EIO: i/o error, fsync"), { code: "EIO" }));
    const told = openJournalWriter(dir, settings);
    await expect(told).rejects.toMatchObject({ code: "unavailable" });
    await expect(told).rejects.toThrow(`${where} can't be read and made fit for going on:`);
    await expect(told).rejects.toThrow("copy the journal directory to a sound disk");
    sync.mockRestore();
  }
  await rename(path, `${path}.aside`);
  await mkdir(path);
  await expect(openJournalWriter(dir, settings)).rejects.toThrow(
    "Give the user that runs Runledger read and write access",
  );
  await rmdir(path);
  await rename(`${path}.aside`, path);
  await (await openJournalWriter(dir, settings)).close();
});

test("a journal that lost frames which a follower has finished does not open", async () => {
  const writer = await openJournalWriter(dir, settings);
  await writer.append(entry("one"));
  await writer.close();
  await openJournalCursor(dir, "audit").save(5);
  await expect(openJournalWriter(dir, settings)).rejects.toMatchObject({ code: "damaged" });
});
