import { readlinkSync } from "node:fs";
import { type FileHandle, mkdtemp, open, realpath, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { openJournalCursor } from "../journal/cursor.ts";
import { journalIdentity } from "../journal/identity.ts";
import { openJournalWriter } from "../journal/writer.ts";
import { loadOrCreateSigningKey } from "../keys/signing-key.ts";
import { acquireDirectoryLock } from "../lock/directory-lock.ts";
import { makeDirectory } from "./directory-sync.ts";

let root: string;
/** Paths of what was fsynced, as the kernel names them. */
let synced: Set<string>;

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), "durable-")));
  synced = new Set();
  const handle = await open(root, "r");
  const prototype: FileHandle = Object.getPrototypeOf(handle);
  await handle.close();
  const { sync } = prototype;
  vi.spyOn(prototype, "sync").mockImplementation(function (this: FileHandle) {
    synced.add(readlinkSync(`/proc/self/fd/${this.fd}`));
    return sync.call(this);
  });
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(root, { recursive: true });
});

test.each<[string, (directory: string) => Promise<unknown>]>([
  ["a directory", (directory) => makeDirectory(directory)],
  [
    "a journal",
    async (directory) => (await openJournalWriter(directory, { followers: [], warn: () => undefined })).close(),
  ],
  ["a journal's name", (directory) => journalIdentity(directory)],
  ["a journal's cursor", (directory) => openJournalCursor(directory, "audit").save(2)],
  ["a signing key", (directory) => loadOrCreateSigningKey(join(directory, "log.key"), "log")],
  ["a lock", async (directory) => (await acquireDirectoryLock(directory)).release()],
])("every directory that is made for %s is fsynced in its parent", async (_what, make) => {
  await make(join(root, "a/b"));
  expect([...synced]).toEqual(expect.arrayContaining([root, join(root, "a")]));
});

test("directories that were made by another one, who may not have fsynced them yet, are fsynced as well", async () => {
  await makeDirectory(join(root, "a/b"));
  synced.clear();
  await makeDirectory(join(root, "a/b"));
  expect([...synced]).toEqual([join(root, "a")]);
});

test("a directory has the mode that is asked for", async () => {
  await makeDirectory(join(root, "a/b"), 0o700);
  expect((await stat(join(root, "a"))).mode & 0o777).toBe(0o700);
});
