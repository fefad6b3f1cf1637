import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createTileTree,
  DIRECTORY,
  formatDirectoryEntry,
  headsHash,
  parseDirectoryEntry,
  readEntry,
  signCheckpoint,
  unverifiedCheckpoint,
  verifyStore,
} from "@runledger/contract";
import { loadOrCreateSigningKey, type Objects, openObjects, type SigningKey } from "@runledger/storage";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openStagedLog } from "../audit/staged-log.ts";
import { openDirectoryKey } from "./directory-key.ts";
import { createDirectoryLog } from "./directory-log.ts";

const TIME = "2026-01-01T00:00:00.000Z";
let directory: string;
let objects: Objects;
let key: SigningKey;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "runledger-directory-log-"));
  objects = await openObjects(`file:${directory}/objects`);
  key = await loadOrCreateSigningKey(join(directory, "directory.key"), `x/${DIRECTORY}`);
});
afterEach(() => rm(directory, { recursive: true }));

const keyOf = (shard: string) => loadOrCreateSigningKey(join(directory, `${shard}.key`), `x/${shard}`);
/** Of no entries; only that of the one that is gone says to be of some. */
const sizeOf = (shard: string): number => (shard === "gone" ? 7 : 0);
const headOf = async (shard: string): Promise<string> =>
  Buffer.from(signCheckpoint(sizeOf(shard), createTileTree().root(), (await keyOf(shard)).signer)).toString();
const addShard = async (shard: string): Promise<void> =>
  await objects.replace(`log/${shard}/checkpoint`, Buffer.from(await headOf(shard)));
const lastEntry = async () => {
  const read = (path: string) => objects.read(`log/${DIRECTORY}/${path}`);
  const { size } = unverifiedCheckpoint((await read("checkpoint")) ?? Buffer.of());
  return parseDirectoryEntry(await readEntry(read, size - 1, size));
};
/** As a keeper of before entries named the shards wrote them, or with what is given. */
const append = async (shard: string, shards?: string[]): Promise<void> => {
  const staged = await openStagedLog(objects, DIRECTORY, key, "older");
  const entry = { shard, checkpoint: await headOf(shard), recorded_time: TIME, ...(shards && { shards }) };
  await staged.append(staged.plan([formatDirectoryEntry(entry)]));
};

test("the last entry under a head names every shard, also those that are not in the store any more", async () => {
  await addShard("b");
  await addShard("a");
  await createDirectoryLog(objects, key, "one").record(TIME);
  expect(await lastEntry()).toMatchObject({ shard: "b", shards: ["a", "b"] });
  await rm(join(directory, "objects/log/a"), { recursive: true });
  await addShard("c");
  await createDirectoryLog(objects, key, "two").record(TIME);
  expect(await lastEntry()).toMatchObject({ shard: "c", shards: ["a", "b", "c"] });
});

test("a head of the directory that can't be read stops no start: who has the key tells of it in each round", async () => {
  await objects.replace(`log/${DIRECTORY}/checkpoint`, Buffer.from("damaged"));
  const opened = await openDirectoryKey(objects, join(directory, "directory.key"), "x/a");
  expect(opened?.verifierKey).toBe(key.verifierKey);
  await addShard("a");
  await expect(createDirectoryLog(objects, key, "one").record(TIME)).rejects.toThrow(`log/${DIRECTORY}/checkpoint`);
});

test("a directory of before they were named is read whole, once", async () => {
  await append("gone");
  await append("old");
  await addShard("new");
  await createDirectoryLog(objects, key, "one").record(TIME);
  expect((await lastEntry()).shards).toEqual(["gone", "new", "old"]);
});

test("the last entry commits to the newest head of every shard, of one that is long gone too", async () => {
  await addShard("a");
  await append("gone");
  const staged = await openStagedLog(objects, DIRECTORY, key, "older");
  const often = formatDirectoryEntry({ shard: "b", checkpoint: await headOf("b"), recorded_time: TIME });
  const last = { shard: "b", checkpoint: await headOf("b"), recorded_time: TIME, shards: ["b", "gone"] };
  await staged.append(staged.plan([...Array.from({ length: 20_000 }, () => often), formatDirectoryEntry(last)]));
  await createDirectoryLog(objects, key, "one").record(TIME);
  const heads = ["a", "b", "gone"].map((shard): [string, number] => [shard, sizeOf(shard)]);
  expect(await lastEntry()).toMatchObject({ shard: "a", heads_sha256: headsHash(heads) });
});

test.each([[["a", 1]], []] as [string, number][][])(
  "an entry that commits to other heads is found when the directory is verified",
  async (...heads) => {
    const staged = await openStagedLog(objects, DIRECTORY, key, "liar");
    const entry = { shard: "a", checkpoint: await headOf("a"), recorded_time: TIME, heads_sha256: headsHash(heads) };
    await staged.append(staged.plan([formatDirectoryEntry(entry)]));
    const logs = [key, await keyOf("a")].map(({ verifierKey }) => verifierKey);
    const store = { read: objects.read, shards: async () => ["a"] };
    const { findings } = await verifyStore(store, { logs, witnesses: [], quorum: null, now: 0 });
    expect(findings).toContainEqual({
      verdict: "TAMPERED",
      where: "directory: entry 0",
      what: "its heads_sha256 is not that of the shards' newest heads up to it",
    });
  },
);

test("an entry that leaves a shard out is found when the directory is verified", async () => {
  await append("a");
  await append("b", ["b"]);
  const store = { read: objects.read, shards: async () => ["a", "b"] };
  const keys = await Promise.all(["a", "b"].map(keyOf));
  const trust = { logs: [key, ...keys].map(({ verifierKey }) => verifierKey), witnesses: [], quorum: null, now: 0 };
  const { findings } = await verifyStore(store, trust);
  expect(findings).toContainEqual({
    verdict: "TAMPERED",
    where: "directory: entry 1",
    what: "it names the shards b, and up to it there are a, b",
  });
});
