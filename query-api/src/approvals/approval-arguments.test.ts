import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { approvalRequest, runSubject } from "@runledger/contract";
import { type Keyring, type Objects, openObjects, openOrCreateKeyring } from "@runledger/storage";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type ApprovalArguments, createApprovalArguments } from "./approval-arguments.ts";
import { APPROVAL_ARGUMENTS_PREFIX, type KeptApproval, withApproval } from "./approval-book.ts";

const NOW = Date.UTC(2026, 10, 29);
const SECRET = '{"iban":"DE89 3704"}';

let dir: string;
let objects: Objects;
let keyring: Keyring;
let contents: ApprovalArguments;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "runledger-arguments-"));
  objects = await openObjects(`file:${dir}/objects`);
  keyring = await openOrCreateKeyring(objects, { file: join(dir, "master.key") });
  contents = createApprovalArguments(objects, keyring, () => NOW);
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function keptApproval(id: string): Promise<KeptApproval> {
  const request = approvalRequest.parse({
    approval_id: id,
    run_id: "r1",
    tool: "pay",
    arguments: SECRET,
    timeout_ms: 60_000,
  });
  const { path, keyId } = await contents.keep("t", request, SECRET);
  const asked = { tenant: "t", request, argumentsCut: false, announced: false, nowMs: NOW };
  const state = { version: 0, approvals: [] };
  return withApproval(state, { ...asked, argumentsPath: path, argumentsKeyId: keyId }).approval;
}

async function allBytes(): Promise<string> {
  const folder = join(dir, "objects/state/approval-arguments");
  const files = await readdir(folder, { recursive: true, withFileTypes: true });
  const texts = files
    .filter((file) => file.isFile())
    .map((file) => readFile(join(file.parentPath, file.name), "latin1"));
  return (await Promise.all(texts)).join("");
}

test("arguments lie sealed, open for readers of any process, and are gone with the key of their run", async () => {
  const one = await keptApproval("0123456789abcdef0123456789abcdef");
  expect((await allBytes()).length).toBeGreaterThan(SECRET.length);
  expect(await allBytes()).not.toContain("3704");
  expect(await createApprovalArguments(objects, keyring, () => NOW).read(one)).toBe(SECRET);

  const keys = await keyring.keysOf(new Set([keyring.pseudonymOf(runSubject("t", "r1"))]));
  expect(keys.map(({ keyId }) => keyId)).toEqual([one.arguments_key_id]);
  await keyring.destroy(keys.map(({ keyId }) => keyId));
  expect(await contents.read(one)).toBeNull();
});

test("what a request of before lies in the clear is still read, and what no request names is swept at the second look", async () => {
  const named = await keptApproval("0123456789abcdef0123456789abcdef");
  await createApprovalArguments(objects, null, () => NOW).keep("t", { ...named, approval_id: "orphan" }, SECRET);
  const found: string[] = [];
  for await (const { path } of objects.list(APPROVAL_ARGUMENTS_PREFIX)) found.push(path);
  const clear = { ...named, arguments_path: found.find((path) => path.includes("orphan")) ?? null };
  expect(await contents.read({ ...clear, arguments_key_id: null })).toBe(SECRET);

  expect(await contents.sweep([named])).toBe(0);
  expect(await contents.sweep([named])).toBe(1);
  expect(await contents.read(named)).toBe(SECRET);
  expect(await allBytes()).not.toContain("3704");
});

test("a removal that is late, or of a sweep at the same moment, never takes what is kept under the same id since", async () => {
  const id = "0123456789abcdef0123456789abcdef";
  const dropped = await keptApproval(id);
  await contents.forget(dropped);
  const asked = await keptApproval(id);
  await contents.forget(dropped);
  expect(await contents.read(asked)).toBe(SECRET);
  const left = await keptApproval(id);
  expect(await contents.sweep([asked])).toBe(0);
  const again = await keptApproval(id);
  expect(await contents.sweep([asked])).toBe(1);
  expect([await contents.read(left), await contents.read(again)]).toEqual([null, SECRET]);
});
