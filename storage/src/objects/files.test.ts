import { execFileSync } from "node:child_process";
import { mkdtemp, readdir, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createFileObjects } from "./files.ts";
import { objectsSuite } from "./objects.suite.ts";
import { openObjects } from "./open-objects.ts";

objectsSuite("files", async () => {
  const root = await mkdtemp(join(tmpdir(), "runledger-objects-"));
  return {
    objects: await createFileObjects(join(root, "not/yet/there")),
    another: () => createFileObjects(join(root, "not/yet/there")),
    close: () => rm(root, { recursive: true }),
  };
});

test("nothing is left aside after writing", async () => {
  const root = await mkdtemp(join(tmpdir(), "runledger-objects-"));
  const objects = await openObjects(`file:${root}`);
  await objects.create("a", Buffer.from("one"));
  await objects.create("a", Buffer.from("two")).catch(() => undefined);
  await objects.replace("state/a.json", Buffer.from("three"));
  expect(await readdir(join(root, ".tmp"))).toEqual([]);
  await rm(root, { recursive: true });
});

test("a directory opened to read is left as it is", async () => {
  const root = await mkdtemp(join(tmpdir(), "runledger-objects-"));
  const objects = await openObjects(`file:${root}`, { access: "read" });
  expect(await objects.read("a/b")).toBeNull();
  for (const [path, target] of [
    ["zeros", "/dev/zero"],
    ["list", "."],
  ] as const)
    await symlink(target, join(root, path));
  execFileSync("mkfifo", [join(root, "pipe")]);
  for (const path of ["zeros", "pipe"])
    await expect(objects.read(path)).rejects.toMatchObject({ message: expect.stringContaining("no file") });
  expect(await objects.read("list")).toBeNull();
  for (const path of ["zeros", "list", "pipe"]) await rm(join(root, path));
  await expect(objects.create("a", Buffer.from("one"))).rejects.toMatchObject({ code: "unavailable" });
  expect(await readdir(root)).toEqual([]);
  await rm(root, { recursive: true });
});

test.each(["s3:bucket", "/plain/path", "file:", ""])("the location %j is refused with a way out", async (location) => {
  await expect(openObjects(location)).rejects.toMatchObject({
    code: "rejected",
    message: expect.stringContaining("file:PATH"),
  });
});
