import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { acquireDirectoryLock } from "./directory-lock.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "lock-"));
});
afterEach(async () => {
  await rm(dir, { recursive: true });
});

async function lockInChild(directory: string) {
  const code = `
    import { acquireDirectoryLock } from ${JSON.stringify(new URL("./directory-lock.ts", import.meta.url).href)};
    acquireDirectoryLock(${JSON.stringify(directory)}).then(() => console.log("held"), (error) => { console.log(error.code); process.exit(1); });
    setTimeout(() => undefined, 20_000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", code], { stdio: ["ignore", "pipe", "inherit"] });
  const said = await new Promise<string>((resolve) =>
    child.stdout.once("data", (data) => resolve(String(data).trim())),
  );
  return { child, said };
}

test("a directory has one holder, who is named to the next", async () => {
  const lock = await acquireDirectoryLock(dir);
  await expect(acquireDirectoryLock(dir)).rejects.toMatchObject({
    code: "locked",
    message: expect.stringMatching(new RegExp(`${dir}.*process ${process.pid}.*RUNLEDGER_DATA_DIR`)),
  });
  lock.release();
  (await acquireDirectoryLock(dir)).release();
});

test("kill -9 of the holder frees the directory at once, however long its path is", async () => {
  const deep = join(dir, "d".repeat(120), "e".repeat(120));
  const { child, said } = await lockInChild(deep);
  expect(said).toBe("held");
  await expect(acquireDirectoryLock(deep)).rejects.toMatchObject({
    code: "locked",
    message: expect.stringContaining(`process ${child.pid}`),
  });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await ended;
  (await acquireDirectoryLock(deep)).release();
});

test("of many processes that start at once one gets the directory", async () => {
  const children = await Promise.all(Array.from({ length: 5 }, () => lockInChild(dir)));
  expect(children.map(({ said }) => said).sort()).toEqual(["held", "locked", "locked", "locked", "locked"]);
  for (const { child } of children) child.kill("SIGKILL");
});

test("a directory that can't be written is named, with what to do", async () => {
  await writeFile(join(dir, "file"), "");
  await mkdir(join(dir, "taken/lock"), { recursive: true });
  for (const unusable of ["file", "taken"]) {
    await expect(acquireDirectoryLock(join(dir, unusable))).rejects.toMatchObject({
      code: "rejected",
      message: expect.stringContaining(`${join(dir, unusable)} is no directory that this user can write`),
    });
  }
});
