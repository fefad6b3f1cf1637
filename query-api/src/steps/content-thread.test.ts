import { randomBytes } from "node:crypto";
import { type PayloadRef, payloadKey, sealPayload } from "@runledger/contract";
import { afterAll, expect, test } from "vitest";
import { sha256 } from "../testing/step-rows.ts";
import { type ContentSource, createContentThread } from "./content-thread.ts";

const thread = createContentThread();
afterAll(() => thread.close());

const dek = randomBytes(32);
const { stored, commitment } = sealPayload(dek, "application/json", Buffer.from('{"a":1}'));
const ref: PayloadRef = {
  sha256: sha256(stored),
  size_bytes: stored.length,
  media_type: "application/json",
  pack: sha256(stored),
  offset: 0,
  key_id: "k",
  commitment,
};
const source: ContentSource = {
  shard: "0",
  readRange: async (_path, offset, length) => stored.subarray(offset, offset + length),
  findKey: async (_ref, salt) => payloadKey(dek, salt),
};

test("the thread opens what is sealed, and says of what it has no key for", async () => {
  const [opened, sealed] = await Promise.all([
    thread.read({ result: ref }, source),
    thread.read({ result: ref }, { ...source, findKey: async () => null }),
  ]);
  expect(Buffer.from(opened["result"] ?? []).toString()).toBe('{"a":1}');
  expect(sealed).toEqual({ result: null });
});

test("what fails is told as it would be here, and the thread goes on", async () => {
  const changed = { ...ref, commitment: "0".repeat(64) };
  await expect(thread.read({ result: changed }, source)).rejects.toMatchObject({ code: "mismatch" });
  const unreachable = { ...source, readRange: () => Promise.reject(new Error("the store is away")) };
  await expect(thread.read({ result: ref }, unreachable)).rejects.toThrow("the store is away");
  expect(await thread.read({ result: ref }, source)).toEqual({ result: new Uint8Array(Buffer.from('{"a":1}')) });
});

test("a thread that was ended is started again", async () => {
  await thread.close();
  expect(await thread.read({ result: ref }, source)).toEqual({ result: new Uint8Array(Buffer.from('{"a":1}')) });
});
