import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openJournalCursor, readCursors } from "../journal/cursor.ts";
import { createSegment, listSegments } from "../journal/segment.ts";
import { fileError } from "./file-error.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "file-error-"));
  await writeFile(join(dir, "file"), "");
  await mkdir(join(dir, "cursors/audit"), { recursive: true });
});
afterEach(() => rm(dir, { recursive: true }));

test.each<[string, () => Promise<unknown>]>([
  ["a cursor is read", () => openJournalCursor(dir, "audit").load()],
  ["a cursor is saved", () => openJournalCursor(join(dir, "file"), "audit").save(1)],
  ["all cursors are read", () => readCursors(join(dir, "file"))],
  ["segments are listed", () => listSegments(join(dir, "file"))],
  ["a segment is made", () => createSegment(join(dir, "file"), 1)],
])("what the file system says when %s is told as the storage's own error, with the path", async (_what, fail) => {
  await expect(fail()).rejects.toMatchObject({
    name: "StorageError",
    code: "rejected",
    retryable: false,
    message: expect.stringContaining(dir),
  });
});

test.each([
  ["EIO", "unavailable", true],
  ["EMFILE", "unavailable", true],
  ["ENOSPC", "full", true],
  ["EACCES", "rejected", false],
])("%s is %s", (code, expected, retryable) => {
  expect(fileError("/x", Object.assign(new Error(code), { code }))).toMatchObject({ code: expected, retryable });
});
