import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTileTree, DIRECTORY, parsePolicy, signCheckpoint } from "@runledger/contract";
import { loadOrCreateSigningKey, openObjects } from "@runledger/storage";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Console } from "../program.ts";
import { type PolicyFlags, printPolicy } from "./policy.ts";

let directory: string;
let objects: string;
/** Of two collectors over one store, the first of which keeps the directory. */
const keys: Record<"a" | "b" | "directory", string> = { a: "", b: "", directory: "" };
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "runledger-policy-"));
  objects = `file:${directory}/store`;
  const store = await openObjects(objects);
  for (const [dir, shard] of [
    ["one", "a"],
    ["one", DIRECTORY],
    ["two", "b"],
  ] as const) {
    const key = await loadOrCreateSigningKey(join(directory, dir, "keys", `log-${shard}.key`), `x/${shard}`);
    await store.replace(`log/${shard}/checkpoint`, signCheckpoint(0, createTileTree().root(), key.signer));
    keys[shard] = key.verifierKey;
  }
});
afterEach(() => rm(directory, { recursive: true }));

async function printed(flags: Omit<PolicyFlags, "objects">): Promise<{ logs: string[]; told: string }> {
  const written = { stdout: "", stderr: "" };
  const console = {
    stdout: { write: (text: string) => (written.stdout += text) },
    stderr: { write: (text: string) => (written.stderr += text) },
  };
  await printPolicy({ ...flags, objects }, console as unknown as Console);
  return { logs: parsePolicy(written.stdout).logs, told: written.stderr };
}
const at = (name: string): string => join(directory, name);

test("the logs whose keys are there are printed, the directory last, and those of other collectors are named", async () => {
  const { logs, told } = await printed({ dataDir: [at("one")] });
  expect(logs).toEqual([keys.a, keys.directory]);
  expect(told).toContain("The store has also the log b, whose key is not here");
});

test("of several collectors' directories all are printed, a key that was copied once", async () => {
  await cp(join(at("one"), "keys/log-directory.key"), join(at("two"), "keys/log-directory.key"));
  expect(await printed({ dataDir: [at("two"), at("one")] })).toEqual({
    logs: [keys.a, keys.b, keys.directory],
    told: "",
  });
  expect((await printed({ dataDir: [at("two"), at("one")], shard: "b" })).logs).toEqual([keys.b, keys.directory]);
});

test("where no key is, it is said where they were looked for", async () => {
  await expect(printed({ dataDir: [at("none")] })).rejects.toThrow(`no signing key in ${at("none/keys")}`);
  await expect(printed({ dataDir: [at("one")], shard: "b" })).rejects.toThrow("no signing key of b");
});
