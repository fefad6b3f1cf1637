import { rm } from "node:fs/promises";
import { createDirectoryLog } from "@runledger/collector";
import { parseLogEntry, type RunledgerRecord, readEntry, unverifiedCheckpoint } from "@runledger/contract";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createSampleDirectory, filesOf, type SampleDirectory, verifySample } from "./sample-directory.ts";

let sample: SampleDirectory;
beforeEach(async () => {
  sample = await createSampleDirectory(["a", "b"]);
});
afterEach(() => rm(sample.directory, { recursive: true }));

const checkpoint = async (log: string): Promise<Uint8Array> =>
  (await sample.objects.read(`log/${log}/checkpoint`)) ?? new Uint8Array();
/** The store, in which each of these is absent the first times that it is asked for. */
const withoutAtFirst = (paths: readonly string[], times: number): SampleDirectory["objects"] => {
  const left = new Map(paths.map((path) => [path, times]));
  return {
    ...sample.objects,
    read: async (path) => {
      const absences = left.get(path) ?? 0;
      left.set(path, absences - 1);
      return absences > 0 ? null : await sample.objects.read(path);
    },
  };
};
const receivedAt = (ms: number): string => new Date(ms).toISOString().replace("Z", "000000Z");
const sizeOf = async (log: string): Promise<number> => unverifiedCheckpoint(await checkpoint(log)).size;

const firstOf = async (log: string): Promise<RunledgerRecord> =>
  parseLogEntry(await readEntry((path) => sample.objects.read(`log/${log}/${path}`), 0, await sizeOf(log)));

test("takes the heads of the shards that have grown, and all is verified", async () => {
  await sample.grow("a", 3);
  await sample.grow("b", 300);
  expect(await sample.record()).toEqual([]);
  expect(await sample.record()).toEqual([]);
  expect(await sizeOf("directory")).toBe(2);
  await sample.grow("a", 2);
  await sample.record();
  expect(await sizeOf("directory")).toBe(3);
  expect(await verifySample(sample)).toMatchObject({
    verdict: "VERIFIED",
    findings: [],
    entriesChecked: 305,
    directory: { treeSize: 3, shards: ["a", "b"] },
  });
});

test("another keeper goes on where the first one stood, and two at once record each head once", async () => {
  await sample.grow("a", 1);
  await sample.record();
  const other = createDirectoryLog(sample.objects, sample.key, "other");
  await sample.grow("a", 1);
  await sample.grow("b", 1);
  await Promise.all([sample.record(), other.record("2026-01-01T00:00:00.000Z")]);
  await other.record("2026-01-01T00:00:00.000Z");
  expect(await sizeOf("directory")).toBe(3);
  expect((await verifySample(sample)).verdict).toBe("VERIFIED");
});

test("a hidden shard is missed", async () => {
  await sample.grow("a", 2);
  await sample.grow("b", 2);
  await sample.record();
  const seen = await verifySample(sample, "quorum none\n", { hidden: "b" });
  expect(seen).toMatchObject({ verdict: "INCOMPLETE", findings: [{ where: "shard b" }] });
  expect(seen.findings[0]?.what).toContain("2 entries");
});

test("a shard that was set back whole, checkpoints and all, is found; its keeper says so and does not record it", async () => {
  await sample.grow("a", 2);
  const earlier = await filesOf(sample.objects, "a");
  await sample.grow("a", 2);
  await sample.record();
  const later = [...(await filesOf(sample.objects, "a")).keys()].filter((path) => !earlier.has(path));
  const changes = Object.fromEntries([...later.map((path) => [path, null] as const), ...earlier]);
  const seen = await verifySample(sample, "quorum none\n", { changes });
  expect(seen.verdict).toBe("TAMPERED");
  expect(seen.findings[0]?.what).toContain("had 4 entries");
  await sample.objects.replace("log/a/checkpoint", earlier.get("log/a/checkpoint") as Uint8Array);
  expect((await sample.record())[0]).toContain("was set back");
});

test("a shard that was begun anew under the same key is found", async () => {
  await sample.grow("a", 2);
  await sample.grow("b", 3);
  await sample.record();
  const other = await createSampleDirectory(["a", "b"]);
  await other.grow("b", 1);
  await other.grow("a", 5);
  const files = await filesOf(other.objects, "a");
  const changes = Object.fromEntries(files);
  const keys = [...sample.keys, ...other.keys];
  const seen = await verifySample({ ...sample, keys }, "quorum none\n", { changes });
  expect(seen.verdict).toBe("TAMPERED");
  await rm(other.directory, { recursive: true });
});

test("a shard whose key the policy lacks is not trusted, and nothing else is wrong for it", async () => {
  await sample.grow("a", 2);
  await sample.grow("b", 2);
  await sample.record();
  const few = { objects: sample.objects, keys: sample.keys.filter((key) => !key.includes("/b+")) };
  const { verdict, findings } = await verifySample(few);
  expect(verdict).toBe("UNTRUSTED");
  expect(new Set(findings.map((finding) => finding.verdict))).toEqual(new Set(["UNTRUSTED"]));
  expect((await verifySample(few, "quorum none\n", { only: "a" })).findings).toEqual([]);
});

test("a directory that is not there is missed by who has its key; who has not is told that nobody looked", async () => {
  await sample.grow("a", 1);
  const absent = await verifySample(sample);
  expect(absent).toMatchObject({ verdict: "INCOMPLETE", findings: [{ where: "directory: checkpoint" }] });
  expect(absent.findings[0]?.what).toMatch(
    /there is none here, with records since 20\d\d-.*Z\. It is recorded by a running collector/,
  );
  await sample.grow("b", 1);
  await sample.record();
  const shardOnly = { ...sample, keys: sample.keys.slice(1) };
  expect(await verifySample(shardOnly)).toMatchObject({ verdict: "VERIFIED", directory: null });
});

test("without the directory's key a log whose key was given is missed by that, unless another was asked for", async () => {
  await sample.grow("a", 1);
  await sample.grow("b", 1);
  await sample.record();
  const keys = sample.keys.slice(1);
  const withKeys = { objects: sample.objects, keys };
  const seen = await verifySample(withKeys, "quorum none\n", { hidden: "b" });
  expect(seen).toMatchObject({ verdict: "INCOMPLETE", findings: [{ where: "log runledger.local/sample/b" }] });
  // A directory that was begun anew knows nothing of it.
  const anew = await createSampleDirectory(["a", "b"]);
  await anew.grow("a", 1);
  await anew.record();
  const told = await verifySample(anew);
  expect(told).toMatchObject({
    verdict: "VERIFIED",
    notes: [expect.stringContaining("keys of them: runledger.local/sample/b")],
  });
  await rm(anew.directory, { recursive: true });
  const alone = await verifySample(withKeys, "quorum none\n", { hidden: "b", only: "a" });
  expect(alone).toMatchObject({ verdict: "VERIFIED" });
});

test("a server that has no directory when it is asked first and twice again, and one later, has none", async () => {
  await sample.grow("a", 1);
  await sample.record();
  const path = "log/directory/checkpoint";
  const seen = await verifySample({ keys: sample.keys, objects: withoutAtFirst([path], 3) });
  expect(seen).toMatchObject({ verdict: "INCOMPLETE", findings: [{ where: "directory: checkpoint" }] });
  expect(seen.notes[0]).toContain("The store went on while it was verified");
});

test("what is there and publishes its first head while it is verified is waited for", async () => {
  await sample.grow("a", 1);
  await sample.record();
  await sample.grow("b", 1, receivedAt(Date.now()));
  const shardOnly = sample.keys.slice(1);
  for (const [keys, paths] of [
    [sample.keys, ["log/b/checkpoint"]],
    [shardOnly, ["log/b/checkpoint"]],
    [sample.keys, ["log/directory/checkpoint", "log/a/checkpoint", "log/b/checkpoint"]],
  ] as const) {
    const seen = await verifySample({ keys: [...keys], objects: withoutAtFirst(paths, 2) });
    expect(seen).toMatchObject({ verdict: "VERIFIED", findings: [], entriesChecked: 2 });
  }
  // Once, and not as a log that is not here too.
  const seen = await verifySample({ keys: shardOnly, objects: withoutAtFirst(["log/b/checkpoint"], 3) });
  expect(seen).toMatchObject({ verdict: "INCOMPLETE", findings: [{ where: "b: checkpoint" }] });
  expect(seen.findings).toHaveLength(1);
  expect(seen.notes[0]).toContain("The store went on while it was verified");
  const known = await verifySample({ keys: sample.keys, objects: withoutAtFirst(["log/b/checkpoint"], 3) });
  expect(known).toMatchObject({ verdict: "INCOMPLETE", findings: [{ where: "b: checkpoint" }] });
  expect(known.findings).toHaveLength(1);
});

test("a directory that has not taken the first record yet is told of as such", async () => {
  const now = Date.now();
  await sample.grow("a", 1, receivedAt(now));
  for (const [later, words] of [
    [5, "That is just now: verify again in a minute"],
    [61, "It is recorded by a running collector"],
  ] as const) {
    const seen = await verifySample(sample, "quorum none\n", { now: Math.floor(now / 1000) + later });
    expect(seen).toMatchObject({ verdict: "INCOMPLETE", findings: [{ where: "directory: checkpoint" }] });
    expect(seen.findings[0]?.what).toContain(words);
  }
});

test("a log whose newest checkpoint is being published while it is verified is not taken for a cut one", async () => {
  await sample.grow("a", 2);
  await sample.record();
  const path = "log/a/checkpoint";
  const before = await sample.objects.read(path);
  await sample.grow("a", 1);
  const servedBefore = async (times: number) => {
    let asked = 0;
    const read = (of: string) => (of === path && asked++ < times ? Promise.resolve(before) : sample.objects.read(of));
    return await verifySample({ keys: sample.keys, objects: { ...sample.objects, read } });
  };
  expect(await servedBefore(2)).toMatchObject({ verdict: "VERIFIED", logs: [{ treeSize: 2 }] });
  expect(await servedBefore(1_000)).toMatchObject({
    verdict: "INCOMPLETE",
    findings: [{ where: "checkpoints/000000000000003" }],
  });
});

test("a shard that is not in the directory yet is told of, since when and what to do; after a quarter of an hour it is missed there", async () => {
  await sample.grow("a", 1);
  await sample.record();
  await sample.grow("b", 1);
  const begun = Math.floor(Date.parse((await firstOf("b")).received_time) / 1000);
  const young = await verifySample(sample, "quorum none\n", { now: begun + 60 });
  expect(young).toMatchObject({ verdict: "VERIFIED", findings: [] });
  expect(young.notes[0]).toMatch(
    /^shard b is not in the directory yet, with records since 20.*Z\. It is recorded by a running/,
  );
  // Before it as well as after: a first record of 2099 would be young for long.
  for (const now of [begun + 16 * 60, begun - 16 * 60]) {
    const old = await verifySample(sample, "quorum none\n", { now });
    expect(old).toMatchObject({ verdict: "INCOMPLETE", findings: [{ where: "shard b" }], notes: [] });
  }
  await sample.record();
  expect(await verifySample(sample)).toMatchObject({ verdict: "VERIFIED", notes: [] });
});

test("every changed byte of the directory is found, and every file of it that is gone", async () => {
  await sample.grow("a", 2);
  await sample.record();
  await sample.grow("b", 1);
  await sample.record();
  const files = await filesOf(sample.objects, "directory");
  let mutations = 0;
  for (const [path, bytes] of files) {
    const gone = await verifySample(sample, "quorum none\n", { changes: { [path]: null } });
    expect([path, gone.verdict]).not.toEqual([path, "VERIFIED"]);
    for (let at = 0; at < bytes.length; at += 3) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      const seen = await verifySample(sample, "quorum none\n", { changes: { [path]: changed } });
      expect([path, at, seen.verdict]).not.toEqual([path, at, "VERIFIED"]);
      mutations++;
    }
  }
  process.stdout.write(
    `directory: ${mutations} of ${mutations} changed bytes found, ${files.size} of ${files.size} missing files\n`,
  );
  expect(mutations).toBeGreaterThan(200);
}, 120_000);

test("an earlier checkpoint of the directory, or of a shard, must be extended", async () => {
  await sample.grow("a", 2);
  await sample.grow("b", 2);
  await sample.record();
  for (const log of ["directory", "a", "b"]) {
    const sinceCheckpoint = await checkpoint(log);
    expect(await verifySample(sample, "quorum none\n", { sinceCheckpoints: [sinceCheckpoint] })).toMatchObject({
      verdict: "VERIFIED",
    });
  }
  // Whoever has no key of the directory is not told that it was extended.
  const few = { objects: sample.objects, keys: sample.keys.slice(1) };
  const unknown = await verifySample(few, "quorum none\n", { sinceCheckpoints: [await checkpoint("directory")] });
  expect(unknown).toMatchObject({ verdict: "UNTRUSTED", findings: [{ where: "earlier checkpoint" }] });
  const other = await createSampleDirectory(["a"]);
  await other.grow("a", 5);
  await other.record();
  const sinceCheckpoint = (await other.objects.read("log/directory/checkpoint")) ?? new Uint8Array();
  const keys = [...sample.keys, ...other.keys];
  expect(
    await verifySample({ ...sample, keys }, "quorum none\n", { sinceCheckpoints: [sinceCheckpoint] }),
  ).toMatchObject({
    verdict: "TAMPERED",
  });
  await rm(other.directory, { recursive: true });
});
