import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type PayloadSubject, userSubject } from "@runledger/contract";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { monthPrefix } from "../keys/key-ring.ts";
import { type Keyring, openOrCreateKeyring } from "../keys/keyring.ts";
import { createStateDocument } from "../state/state-document.ts";
import { parseJsonObject, uniqueJson } from "./json-object.ts";
import type { Objects } from "./objects.ts";
import { openObjects } from "./open-objects.ts";
import { type S3Fault, type StrictS3, startStrictS3 } from "./strict-s3.fixture.ts";

const MONTH = monthPrefix("2026-11-30T00:00:00.000000000Z");
const [ALICE, BOB] = [userSubject("t", "alice"), userSubject("t", "bob")];

let s3: StrictS3;
let dir: string;
let objects: Objects;
beforeEach(async () => {
  process.env["AWS_ACCESS_KEY_ID"] = "test";
  process.env["AWS_SECRET_ACCESS_KEY"] = "testtest";
  s3 = await startStrictS3({ bucket: "evidence", versioned: false });
  dir = await mkdtemp(join(tmpdir(), "runledger-late-"));
  objects = await openObjects(`s3://evidence/ledger?endpoint=${encodeURIComponent(s3.endpoint)}`);
});
afterEach(async () => {
  await s3.close();
  await rm(dir, { recursive: true });
  delete process.env["AWS_ACCESS_KEY_ID"];
  delete process.env["AWS_SECRET_ACCESS_KEY"];
});

/** The fate of the first attempt of the next write; the driver's second one is done. */
async function withFirst<Result>(fault: S3Fault, key: string, act: () => Promise<Result>): Promise<Result> {
  let attempts = 0;
  s3.faults = (request) => (request.method === "PUT" && request.key.includes(key) && attempts++ === 0 ? fault : null);
  const result = await act();
  expect(attempts).toBeGreaterThan(1);
  s3.faults = () => null;
  return result;
}

async function keyIdsOf(keyring: Keyring, subject: PayloadSubject): Promise<string[]> {
  return (await keyring.keysOf(new Set([keyring.pseudonymOf(subject)]))).map(({ keyId }) => keyId);
}

test("a key that was destroyed stays so when the write that made it arrives, though its ring is what it was before", async () => {
  const keyring = await openOrCreateKeyring(objects, { file: join(dir, "master.key") });
  const keysFor = (subject: PayloadSubject) => keyring.writer().keysFor([{ subject, month: MONTH }]);
  await keysFor(BOB);
  const [made] = await withFirst("late", "keys/rings/", () => keysFor(ALICE));
  expect(await keyIdsOf(keyring, ALICE)).toEqual([made?.keyId]);
  await keyring.destroy([made?.keyId ?? ""]);
  s3.deliverLate();
  expect(await keyIdsOf(keyring, ALICE)).toEqual([]);
  expect(await keyring.reader()({ key_id: made?.keyId ?? "" }, Buffer.alloc(32))).toBeNull();
  expect(await keyIdsOf(keyring, BOB)).toHaveLength(1);
});

test("of the only key of a ring, too, which is empty before and after", async () => {
  const keyring = await openOrCreateKeyring(objects, { file: join(dir, "master.key") });
  const keysFor = (subject: PayloadSubject) => keyring.writer().keysFor([{ subject, month: MONTH }]);
  await keysFor(BOB);
  await keyring.destroy(await keyIdsOf(keyring, BOB));
  const [made] = await withFirst("late", "keys/rings/", () => keysFor(ALICE));
  await keyring.destroy([made?.keyId ?? ""]);
  s3.deliverLate();
  expect(await keyring.countKeys(MONTH)).toBe(0);
});

test("what was taken out of a document of state stays out of it when the write that brought it arrives", async () => {
  const document = createStateDocument(objects, "state/holds.json", z.array(z.string()), []);
  await document.update(() => ["earlier"]);
  await document.update(() => []);
  await withFirst("late", "state/holds", () => document.update((before) => [...before, "hold"]));
  await document.update((before) => before.filter((one) => one !== "hold"));
  s3.deliverLate();
  expect(await document.read()).toEqual([]);
});

test("a late removal does not take what was set again since", async () => {
  const document = createStateDocument(objects, "state/holds.json", z.array(z.string()), []);
  await document.update(() => ["hold"]);
  await withFirst("late", "state/holds", () => document.update(() => []));
  await document.update(() => ["hold"]);
  s3.deliverLate();
  expect(await document.read()).toEqual(["hold"]);
});

test.each(["lost", "answer_lost", "done_but_failed", "slow_down", "late"] as const)(
  "a change whose first attempt is %s is made once",
  async (fault) => {
    const document = createStateDocument(objects, "state/count.json", z.array(z.number()), []);
    await document.update(() => [1]);
    let asked = 0;
    await withFirst(fault, "state/count", () =>
      document.update((before) => {
        asked++;
        return [...before, before.length + 1];
      }),
    );
    expect([await document.read(), asked]).toEqual([[1, 2], 1]);
    s3.deliverLate();
    expect(await document.read()).toEqual([1, 2]);
  },
);

test("a document that an older version wrote is read, and what we write is JSON to it", async () => {
  const document = createStateDocument(objects, "state/old.json", z.array(z.number()), []);
  await objects.compareAndSet("state/old.json", Buffer.from("[1]"), null);
  expect(await document.read()).toEqual([1]);
  await document.update((before) => [...before, 2]);
  const stored = Buffer.from((await objects.read("state/old.json")) ?? []).toString();
  expect([JSON.parse(stored), stored.trimEnd()]).toEqual([[1, 2], "[1,2]"]);
});

test("no two writes of the same document have the same bytes, nor another length", () => {
  const written = Array.from({ length: 200 }, () => Buffer.from(uniqueJson({ a: 1 })));
  expect(new Set(written.map((bytes) => bytes.toString("hex"))).size).toBe(200);
  expect(new Set(written.map(({ length }) => length)).size).toBe(1);
  for (const bytes of written) expect(parseJsonObject("x", bytes, z.strictObject({ a: z.number() }))).toEqual({ a: 1 });
});
