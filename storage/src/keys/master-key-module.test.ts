import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { userSubject } from "@runledger/contract";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Objects } from "../objects/objects.ts";
import { openObjects } from "../objects/open-objects.ts";
import { monthPrefix } from "./key-ring.ts";
import { openKeyring, openOrCreateKeyring } from "./keyring.ts";
import { openMasterKeyModule } from "./master-key-module.ts";
import type { MasterKeySource } from "./master-key-source.ts";
import { rotateMasterKey } from "./rotate-master.ts";

const ACT = { time_ms: 1, by: "root (system user)", reason: null };
const CONTEXT = "runledger key root v1";
let directory: string;
let objects: Objects;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "runledger-driver-"));
  objects = await openObjects(`file:${directory}/objects`);
});
afterEach(() => rm(directory, { recursive: true }));

/** A driver with a byte as its key; whatever `changes` says instead. */
async function driver(name: string, byte: number, changes = ""): Promise<string> {
  const path = join(directory, `${name}.mjs`);
  const text = `
    const mixed = async (bytes, context) => {
      if (context !== ${JSON.stringify(CONTEXT)}) throw new Error("another context");
      return bytes.map((each) => each ^ ${byte});
    };
    export default async () => ({ id: ${JSON.stringify(name)}, wrap: mixed, unwrap: mixed, ${changes} });`;
  await writeFile(path, text);
  return path;
}

async function keyOf(name: string, source: MasterKeySource): Promise<string | undefined> {
  const month = monthPrefix("2026-11-29T00:00:00.000000000Z");
  const keyring = await openOrCreateKeyring(objects, source);
  const [key] = await keyring.writer().keysFor([{ subject: userSubject("t", name), month }]);
  return key && Buffer.from(key.dek).toString("hex");
}

test("a driver in a file opens the keys that it has wrapped, at each start, and nobody else does", async () => {
  const source = { module: await driver("arn:one", 7) };
  const key = await keyOf("alice", source);
  expect(await keyOf("alice", source)).toBe(key);
  expect(Buffer.from((await objects.read("keys/root.json")) ?? "").toString()).toContain('"arn:one"');
  const refused = { code: "rejected", message: expect.stringContaining("wrapped by the master key arn:one") };
  await expect(openKeyring(objects, { file: join(directory, "master.key") })).rejects.toMatchObject(refused);
});

test("the master key goes from a file to a driver, to another one, and back to a file", async () => {
  const file = { file: join(directory, "keys", "master.key") };
  const key = await keyOf("alice", file);
  const sources = [file, { module: await driver("one", 7) }, { module: await driver("two", 9) }, file];
  for (const [at, next] of sources.slice(1).entries()) {
    const before = sources[at] ?? file;
    await rotateMasterKey(objects, before, next, ACT);
    await expect(openKeyring(objects, before)).rejects.toMatchObject({ code: "rejected" });
    expect([at, await keyOf("alice", next)]).toEqual([at, key]);
  }
});

test.each([
  ["is not there", null, "there is no such file"],
  ["can't be read", "export default (", "can't be loaded"],
  ["needs what is not there", 'import "nowhere";', "can't be loaded"],
  ["has no default export", "export const key = 1;", "has no default export that is a function"],
  ["exports no function", "export default { id: 'a' };", "has no default export that is a function"],
  ["makes nothing", "export default () => null;", "makes no master key: { id"],
  ["makes something else", "export default () => ({ id: 'a', wrap() {} });", "makes no master key: { id"],
  ["names no key", "export default () => ({ id: '', wrap() {}, unwrap() {} });", "makes no master key: { id"],
])("a driver that %s is refused, and named", async (_what, text, message) => {
  const path = join(directory, "driver.mjs");
  if (text !== null) await writeFile(path, text);
  const rejected = { code: "rejected", retryable: false, message: expect.stringContaining(message) };
  await expect(openMasterKeyModule(path)).rejects.toMatchObject(rejected);
  await expect(openMasterKeyModule(path)).rejects.toThrow(path);
});

test.each([
  ["fails", "throw new Error('503 from the service');", "503 from the service"],
  ["never answers", "return new Promise(() => undefined);", "no answer within 0.2 s"],
])("a call that %s may be tried again", async (_what, body, message) => {
  const unavailable = { code: "unavailable", retryable: true, message: expect.stringContaining(message) };
  for (const call of ["wrap", "unwrap"] as const) {
    const path = await driver(call, 7, `${call}: async () => { ${body} }`);
    const key = await openMasterKeyModule(path, 200);
    await expect(key[call](Buffer.from("secret"), CONTEXT)).rejects.toMatchObject(unavailable);
  }
  const path = join(directory, "made.mjs");
  await writeFile(path, `export default () => { ${body} };`);
  await expect(openMasterKeyModule(path, 200)).rejects.toMatchObject(unavailable);
});

test("what a driver wraps and does not open again is not relied on", async () => {
  const source = { module: await driver("forgets", 7, "unwrap: async (bytes) => bytes.map(() => 0)") };
  await expect(openOrCreateKeyring(objects, source)).rejects.toThrow("unwrap does not give what wrap was given");
  expect(await objects.read("keys/root.json")).toBeNull();
  const empty = await openMasterKeyModule(await driver("empty", 7, "wrap: async () => 'text'"));
  await expect(empty.wrap(Buffer.from("secret"), CONTEXT)).rejects.toThrow("wrap must give a Uint8Array");
});
