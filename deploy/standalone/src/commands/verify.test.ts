import { generateKeyPairSync } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { COSIGNATURE_V1, formatVerifierKey } from "@runledger/contract";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createProgram } from "../program.ts";

const key = formatVerifierKey("log.example/0", generateKeyPairSync("ed25519").publicKey);
let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "runledger-verify-"));
  await mkdir(join(directory, "objects/log/0"), { recursive: true });
});
afterEach(() => rm(directory, { recursive: true }));

class Exit extends Error {}

/** Runs the command; resolves with its exit code and what it wrote. */
async function verify(...flags: string[]): Promise<{ code: unknown; text: string }> {
  const written: string[] = [];
  let code: unknown = null;
  const write = (chunk: unknown) => written.push(String(chunk)) > 0;
  const exit = (status?: unknown): never => {
    code ??= status;
    throw new Exit();
  };
  const console = { ...process, env: {}, stdout: { write }, stderr: { write }, exit } as unknown as NodeJS.Process;
  await createProgram(console)
    .parseAsync(["verify", directory, ...flags], { from: "user" })
    .catch((error) => {
      if (!(error instanceof Exit)) throw error;
    });
  return { code, text: written.join("") };
}

test.each([
  ["a key that is none", ["--key", "junk"], "not a verifier key"],
  ["a policy that isn't there", ["--policy", "/nowhere/policy.txt"], "ENOENT"],
  ["an earlier checkpoint that isn't there", ["--since-checkpoint", "/nowhere/checkpoint"], "ENOENT"],
])("%s is unreadable, which no script can take for tampered", async (_what, flags, message) => {
  const { code, text } = await verify(...flags);
  expect(text).toContain(message);
  expect(code).toBe(4);
});

test("a policy that asks for witnesses is never taken for one that doesn't", async () => {
  const witness = formatVerifierKey("w.example", generateKeyPairSync("ed25519").publicKey, COSIGNATURE_V1);
  await writeFile(join(directory, "policy"), `log ${key}\nwitness w ${witness}\nquorum w\n`);
  const { code } = await verify("--policy", join(directory, "policy"));
  expect(code).toBe(4);
  await writeFile(join(directory, "policy"), `log ${key}\nwitness w ${key}\nquorum w\n`);
  const { text } = await verify("--policy", join(directory, "policy"));
  expect(text).toContain("line 2 of the policy");
});
