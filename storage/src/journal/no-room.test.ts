import { type FileHandle, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { openJournalCursor } from "./cursor.ts";
import type { JournalEntry } from "./journal.ts";
import { openJournalReader } from "./reader.ts";
import { type FileJournalWriter, openJournalWriter } from "./writer.ts";

let dir: string;
let writer: FileJournalWriter;
/** Bytes that the disk still takes; null: any number. */
let room: number | null;
let freeBytes: number;
/** Told of each write. */
let onWrite: () => void;
/** Where writes end up: the kernel's own way is to write what fits, and to fail only when nothing does. */
let prototype: FileHandle;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "journal-full-"));
  writer = await openJournalWriter(dir, {
    followers: [],
    segmentBytes: 2_000,
    removeEveryMs: 10,
    freeBytes: async () => freeBytes,
    warn: () => undefined,
  });
  room = null;
  freeBytes = 0;
  onWrite = () => undefined;
  const handle = await open(join(dir, "probe"), "w");
  prototype = Object.getPrototypeOf(handle);
  await handle.close();
  const writev = prototype.writev;
  vi.spyOn(prototype, "writev").mockImplementation(async function (this: FileHandle, buffers, position) {
    const bytes = Buffer.concat(buffers as Uint8Array[]);
    const fits = room === null ? bytes : bytes.subarray(0, room);
    if (room !== null) room -= fits.length;
    onWrite();
    if (fits.length === 0) throw Object.assign(new Error("ENOSPC"), { code: "ENOSPC" });
    return writev.call(this, [fits], position);
  });
});

afterEach(async () => {
  vi.restoreAllMocks();
  await writer.close();
  await rm(dir, { recursive: true });
});

function entry(text: string): JournalEntry {
  const body = Buffer.from(text);
  return { signal: "traces", format: "json", encoding: "identity", tenant: "t", receivedUnixNano: 1n, body };
}

async function readAll(): Promise<string[]> {
  const reader = openJournalReader(dir);
  const frames = await reader.read(1, 1_000_000);
  await reader.close();
  return frames.map(({ body }) => Buffer.from(body).toString());
}

test("a disk without room refuses what it can't take, and takes it when there is room again", async () => {
  await writer.append(entry("before"));
  room = 150;
  await expect(Promise.all([writer.append(entry("x".repeat(60))), writer.append(entry("y"))])).rejects.toMatchObject({
    code: "full",
    retryable: true,
  });
  await expect(writer.append(entry("z"))).rejects.toMatchObject({ code: "full" });
  expect(writer.stats().queuedBytes).toBe(0);
  expect(await writer.trouble()).toContain(`the disk of ${dir} has no room left`);
  room = null;
  expect(await writer.append(entry("after"))).toBe(2);
  expect(await writer.trouble()).toBeNull();
  await writer.close();
  writer = await openJournalWriter(dir, { followers: [], warn: expect.unreachable });
  expect(await readAll()).toEqual(["before", "after"]);
});

test("a lack of room is told of until there is some, though nobody sends", async () => {
  expect(await writer.trouble()).toBeNull();
  room = 0;
  await expect(writer.append(entry("x"))).rejects.toMatchObject({ code: "full" });
  freeBytes = 1024 * 1024;
  expect(await writer.trouble()).toContain("no room left");
  freeBytes *= 2;
  expect(await writer.trouble()).toBeNull();
});

test("an append that was acknowledged before the room ended is seen as soon as there is some again", async () => {
  onWrite = () => {
    room = 0;
  };
  await writer.append(entry("last"));
  await vi.waitFor(() => expect(vi.mocked(prototype.writev).mock.calls.length).toBeGreaterThan(1), { timeout: 15_000 });
  expect(await readAll()).toEqual([]);
  onWrite = () => undefined;
  room = null;
  await vi.waitFor(async () => expect(await readAll()).toEqual(["last"]), { timeout: 15_000 });
});

test("no room for a new segment is a refusal, too", async () => {
  await writer.append(entry("s".repeat(3_000)));
  vi.spyOn(prototype, "sync").mockRejectedValueOnce(Object.assign(new Error("ENOSPC"), { code: "ENOSPC" }));
  await expect(writer.append(entry("refused"))).rejects.toMatchObject({ code: "full" });
  expect(await writer.append(entry("taken"))).toBe(2);
});

test("a failed fsync of appended frames is never taken for a lack of room", async () => {
  vi.spyOn(prototype, "datasync").mockRejectedValueOnce(Object.assign(new Error("ENOSPC"), { code: "ENOSPC" }));
  await expect(writer.append(entry("doubtful"))).rejects.toMatchObject({ code: "unavailable" });
  await expect(writer.append(entry("next"))).rejects.toMatchObject({ code: "unavailable" });
});

test("a cursor that finds no room stays where it was, and can be saved later", async () => {
  const cursor = openJournalCursor(dir, "audit");
  await cursor.save(2);
  vi.spyOn(prototype, "writeFile").mockRejectedValueOnce(Object.assign(new Error("ENOSPC"), { code: "ENOSPC" }));
  await expect(cursor.save(3)).rejects.toMatchObject({ code: "full", retryable: true });
  expect(await openJournalCursor(dir, "audit").load()).toBe(2);
  await cursor.save(3);
  expect(await openJournalCursor(dir, "audit").load()).toBe(3);
});
