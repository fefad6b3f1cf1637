import { mkdtemp, readdir, readlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createPartFile, removePartFiles } from "./part-file.ts";

async function openBelow(directory: string): Promise<string[]> {
  const links = await readdir("/proc/self/fd").then((fds) =>
    Promise.all(fds.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => ""))),
  );
  return links.filter((path) => path.startsWith(directory));
}

test.runIf(process.platform === "linux")("files of an export that failed keep no room on the disk", async () => {
  const directory = await mkdtemp(join(tmpdir(), "parts-"));
  const files = ["a", "b", "c"].map((name) => createPartFile(join(directory, name)));
  for (const file of files) await file.write("text");
  await files[0]?.close();
  await expect.poll(() => openBelow(directory)).toHaveLength(2);
  await removePartFiles(directory);
  expect(await openBelow(directory)).toEqual([]);
  expect((await readdir(tmpdir())).map((name) => join(tmpdir(), name))).not.toContain(directory);
  await expect(files[1]?.close()).rejects.toThrow();
});
