import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openNote, parseVerifierKey, signNote } from "@runledger/contract";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadOrCreateSigningKey } from "./signing-key.ts";

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "runledger-keys-"));
  path = join(directory, "keys/log-s0.key");
});
afterEach(() => rm(directory, { recursive: true }));

test("a key is made once, for its owner only, and loaded afterwards", async () => {
  const made = await loadOrCreateSigningKey(path, "runledger.local/abc/s0");
  const loaded = await loadOrCreateSigningKey(path, "runledger.local/other/s0");
  expect(loaded.verifierKey).toBe(made.verifierKey);
  expect(loaded.origin).toBe("runledger.local/abc/s0");
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readdir(join(directory, "keys"))).toEqual(["log-s0.key"]);
});

test("its signatures open with its verifier key", async () => {
  const { signer, verifierKey } = await loadOrCreateSigningKey(path, "log");
  expect(openNote(signNote("x\n", [signer]), [parseVerifierKey(verifierKey)]).signedBy).toEqual(["log"]);
});

test("those who start at once have the same key", async () => {
  const keys = await Promise.all(["a", "b", "c"].map((origin) => loadOrCreateSigningKey(path, origin)));
  expect(new Set(keys.map(({ verifierKey }) => verifierKey)).size).toBe(1);
});

test("every changed byte of the file is found", async () => {
  await loadOrCreateSigningKey(path, "runledger.local/abc/s0");
  const whole = await readFile(path);
  for (let i = 0; i < whole.length; i++) {
    const changed = Buffer.from(whole);
    changed[i] = (changed[i] as number) ^ 1;
    await writeFile(path, changed);
    await expect(loadOrCreateSigningKey(path, "x"), `byte ${i}`).rejects.toMatchObject({ code: "damaged" });
  }
  await writeFile(path, whole.subarray(0, 40));
  await expect(loadOrCreateSigningKey(path, "x")).rejects.toMatchObject({ code: "damaged" });
});
