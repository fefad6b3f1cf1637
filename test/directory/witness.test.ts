import { generateKeyPairSync } from "node:crypto";
import { rm } from "node:fs/promises";
import { createWitnessing } from "@runledger/collector";
import {
  COSIGNATURE_V1,
  createCosigner,
  DIRECTORY,
  formatVerifierKey,
  parsePolicy,
  signNote,
} from "@runledger/contract";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type FakeWitness, startFakeWitness } from "./fake-witness.ts";
import { createSampleDirectory, type SampleDirectory, verifySample } from "./sample-directory.ts";

let sample: SampleDirectory;
let witnesses: FakeWitness[];
let policy: string;
beforeEach(async () => {
  sample = await createSampleDirectory(["a", "b"]);
  witnesses = await Promise.all(
    ["w1", "w2", "w3"].map((name) => startFakeWitness(`${name}.example`, [sample.key.verifierKey])),
  );
  const lines = witnesses.map(({ verifierKey, url }, i) => `witness w${i + 1} ${verifierKey} ${url}\n`).join("");
  policy = `log ${sample.key.verifierKey}\n${lines}group two 2 w1 w2 w3\nquorum two\n`;
});
afterEach(async () => {
  for (const witness of witnesses) await witness.close();
  await rm(sample.directory, { recursive: true });
});

const open = (text = policy) =>
  createWitnessing(sample.objects, { log: DIRECTORY, verifierKey: sample.key.verifierKey, policy: parsePolicy(text) });

test("a quorum cosigns each head of the directory, and the shards are verified under it", async () => {
  const witnessing = open();
  for (let round = 0; round < 3; round++) {
    await sample.grow("a", 2);
    await sample.grow("b", 130);
    await sample.record();
    expect(await witnessing.round()).toEqual([]);
    expect(await witnessing.round()).toEqual([]);
  }
  expect(witnessing.cosignedSize).toBe(6);
  expect(witnesses.map(({ answers }) => answers)).toEqual([
    [200, 200, 200],
    [200, 200, 200],
    [200, 200, 200],
  ]);
  expect(await verifySample(sample, policy)).toMatchObject({
    verdict: "VERIFIED",
    directory: { witnessed: { size: 6, by: ["w1", "w2", "w3"] }, cosignedChecked: 4 },
  });
});

test("who starts anew learns from the witness how far it is, by its conflict", async () => {
  await sample.grow("a", 2);
  await sample.record();
  await open().round();
  await sample.grow("a", 2);
  await sample.record();
  expect(await open().round()).toEqual([]);
  expect(witnesses[0]?.answers).toEqual([200, 409, 200]);
});

test("one witness of three may be away; two may not, and then nothing is verified", async () => {
  await sample.grow("a", 2);
  await sample.record();
  await witnesses[0]?.close();
  expect(await open().round()).toEqual([]);
  expect(await verifySample(sample, policy)).toMatchObject({
    verdict: "VERIFIED",
    directory: { witnessed: { by: ["w2", "w3"] } },
  });
  await sample.grow("a", 2, receivedAt(Date.now()));
  await sample.record();
  await witnesses[1]?.close();
  const [what, ...why] = await open().round();
  expect(what).toContain("no quorum");
  expect(why).toHaveLength(2);
  // Young entries wait for the next round; older ones do not.
  expect((await verifySample(sample, policy)).verdict).toBe("VERIFIED");
  const later = Math.floor(Date.now() / 1000) + 3_600;
  expect(await verifySample(sample, policy, { now: later })).toMatchObject({
    verdict: "INCOMPLETE",
    findings: [{ where: "entries 2 to 3" }],
  });
});

test("under a head of an hour ago nothing may wait: a store that was put back to it could go on with what says to be young", async () => {
  await sample.grow("a", 2);
  await sample.record();
  await open().round();
  const later = Date.now() + 3_600_000;
  await sample.grow("a", 2, receivedAt(later));
  const at = (ms: number) => verifySample(sample, policy, { now: Math.floor(ms / 1000) });
  for (const waited of [5_000, 16 * 60_000])
    expect(await at(later + waited)).toMatchObject({ verdict: "INCOMPLETE", findings: [{ where: "entries 2 to 3" }] });
});

test("what is recorded because of the verification itself is not held against the store after a quiet time", async () => {
  await sample.grow("a", 2);
  await sample.grow("b", 2);
  await sample.record();
  await open().round();
  const later = Date.now() + 16.5 * 60_000;
  // As a query API does, which puts on record that entries were read.
  const read = async (path: string): Promise<Uint8Array | null> => {
    if (path.startsWith("log/") && path.includes("/tile/entries/") && !path.includes("/directory/"))
      for (const shard of ["a", "b"]) await sample.grow(shard, 1, receivedAt(later));
    return await sample.objects.read(path);
  };
  const seen = await verifySample({ ...sample, objects: { ...sample.objects, read } }, policy, {
    now: Math.floor(later / 1000),
  });
  expect(seen).toMatchObject({ verdict: "VERIFIED", findings: [], entriesChecked: 4 });
});

test.each([DIRECTORY, "a"])("heads of %s that are cosigned while they are read are none that it lacks", async (log) => {
  const verifierKey = sample.keys.find((key) => key.includes(`/${log}+`)) ?? "";
  const witness = await startFakeWitness("w.example", sample.keys);
  const own = `${sample.keys.map((key) => `log ${key}\n`).join("")}witness w ${witness.verifierKey} ${witness.url}\nquorum w\n`;
  const goOn = async (): Promise<void> => {
    await sample.grow("a", 2, receivedAt(Date.now()));
    await sample.record();
    const witnessing = createWitnessing(sample.objects, { log, verifierKey, policy: parsePolicy(own) });
    expect(await witnessing.round()).toEqual([]);
  };
  await goOn();
  const read = async (path: string): Promise<Uint8Array | null> => {
    const bytes = await sample.objects.read(path);
    if (path === `log/${log}/checkpoint`) await goOn();
    return bytes;
  };
  const keys = log === DIRECTORY ? sample.keys : [verifierKey];
  const seen = await verifySample({ keys, objects: { ...sample.objects, read } }, own);
  expect(seen.findings).toEqual([]);
  expect(seen.verdict).toBe("VERIFIED");
  await witness.close();
});

test("entries of a shard that the directory does not take any more are not covered by its newest heads", async () => {
  const truth = await sample.grow("a", 2).then(() => sample.record());
  expect([truth, await open().round()]).toEqual([[], []]);
  // Only b's heads are recorded from here on, and cosigned.
  const path = "log/a/checkpoint";
  const old = (await sample.objects.read(path)) ?? new Uint8Array();
  await sample.grow("a", 2);
  const rewritable = (await sample.objects.read(path)) ?? new Uint8Array();
  await sample.objects.replace(path, old);
  await sample.grow("b", 2);
  await sample.record();
  expect(await open().round()).toEqual([]);
  await sample.objects.replace(path, rewritable);
  expect(await verifySample(sample, policy)).toMatchObject({
    verdict: "INCOMPLETE",
    findings: [{ where: "a: entries 2 to 3" }],
  });
});

test("behind what witnesses covered each entry must be young, and of a shard that they covered nothing of none may wait", async () => {
  await sample.grow("a", 2);
  await sample.record();
  expect(await open().round()).toEqual([]);
  const now = Date.now();
  const verdict = async () => (await verifySample(sample, policy, { now: Math.floor(now / 1000) })).findings;
  await sample.grow("a", 1, receivedAt(now));
  expect(await verdict()).toEqual([]);
  await sample.grow("b", 1, receivedAt(now));
  expect(await verdict()).toMatchObject([{ verdict: "INCOMPLETE", where: "b: entries 0 to 0" }]);
  await sample.record();
  expect(await open().round()).toEqual([]);
  expect(await verdict()).toEqual([]);
  // The first says to be of now.
  await sample.grow("a", 1, receivedAt(now));
  await sample.grow("a", 1, receivedAt(now - 13 * 86_400_000));
  await sample.grow("b", 1, receivedAt(now));
  await sample.grow("b", 1, receivedAt(now + 3_600_000));
  expect(await verdict()).toMatchObject([
    { verdict: "INCOMPLETE", where: "a: entries 3 to 4" },
    { verdict: "INCOMPLETE", where: "b: entries 1 to 2" },
  ]);
});

test("no witness that the quorum does without moves the times", async () => {
  const now = Math.floor(Date.now() / 1000);
  await sample.grow("a", 2, receivedAt(now * 1000 + 3_600_000));
  await sample.record();
  await sample.grow("a", 1, receivedAt(now * 1000));
  const note = Buffer.from((await sample.objects.read("log/directory/checkpoint")) ?? "");
  const text = `${note.toString().split("\n\n")[0]}\n`;
  const pairs = ["w1", "w2", "w3"].map((name) => ({ name, key: generateKeyPairSync("ed25519").privateKey }));
  const lines = pairs
    .map(({ name, key }) => `witness ${name} ${formatVerifierKey(name, key, COSIGNATURE_V1)}\n`)
    .join("");
  const seenWith = (times: readonly number[], quorum: string) => {
    const signers = pairs
      .slice(0, times.length)
      .map(({ name, key }, i) => createCosigner(name, key, () => times[i] ?? 0));
    const cosignatures = Buffer.from(signNote(text, signers)).subarray(text.length + 1);
    const changes = { "log/directory/cosigned": Buffer.concat([note, cosignatures]) };
    return verifySample(sample, `${lines}${quorum}\n`, { now, changes });
  };
  const liesOf = (...quorumAndTimes: [string, number[]][]) =>
    quorumAndTimes.flatMap(([quorum, honest]) =>
      [1_000, now, now + 365 * 86_400].map((lie) => ({ quorum, times: [...honest, lie] })),
    );
  for (const { quorum, times } of liesOf(["quorum w1", [now]], ["group g 2 w1 w2 w3\nquorum g", [now, now]])) {
    const seen = await seenWith(times, quorum);
    expect(seen).toMatchObject({ verdict: "VERIFIED", findings: [], directory: { witnessed: { time: now } } });
    expect(seen.notes.join()).toContain(`stood in the log by ${receivedAt(now * 1000).slice(0, 19)}Z`);
  }
});

test("without a cosigned head a policy with a quorum verifies nothing", async () => {
  await sample.grow("a", 2);
  await sample.record();
  expect(await verifySample(sample, policy)).toMatchObject({ verdict: "INCOMPLETE" });
});

test("a changed bit of a cosigned head is found", async () => {
  await sample.grow("a", 2);
  await sample.record();
  const everybody = policy.replace("group two 2", "group two all");
  await open(everybody).round();
  const path = "log/directory/anchors/000000000000001.cosigned";
  const bytes = Buffer.from((await sample.objects.read(path)) ?? "");
  expect(bytes.length).toBeGreaterThan(300);
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 1;
    const changes = { [path]: changed, "log/directory/cosigned": changed };
    const seen = await verifySample(sample, everybody, { changes });
    expect([at, seen.verdict]).not.toEqual([at, "VERIFIED"]);
  }
}, 120_000);

test("a second history, signed with the log's own key, is refused by the witnesses and found against what they cosigned", async () => {
  await sample.grow("a", 2);
  await sample.record();
  await open().round();
  const cosigned = (await sample.objects.read("log/directory/cosigned")) ?? new Uint8Array();
  const forged = await createSampleDirectory(["a", "b"]);
  await forged.grow("b", 1);
  await forged.grow("a", 3);
  const { createDirectoryLog } = await import("@runledger/collector");
  const key = { ...sample.key, lastSigned: { load: async () => null, save: async () => undefined } };
  const log = createDirectoryLog(forged.objects, key, "operator");
  await log.record("2026-01-01T00:00:00.000Z");
  const forgery = { ...forged, keys: [sample.key.verifierKey, ...forged.keys] };
  const witnessing = createWitnessing(forged.objects, {
    log: DIRECTORY,
    verifierKey: key.verifierKey,
    policy: parsePolicy(policy),
  });
  const refusals = await witnessing.round();
  expect(refusals.join()).toContain("does not extend what it has seen");
  expect((await verifySample(forgery, policy)).verdict).toBe("INCOMPLETE");
  const seen = await verifySample(forgery, policy, { changes: { "log/directory/cosigned": cosigned } });
  expect(seen.verdict).toBe("TAMPERED");
  // Nor does a cosigned head count where it is of another history of a shard, or of another log.
  const misplaced = await verifySample(forgery, policy, {
    changes: { "log/a/cosigned": cosigned, "log/b/cosigned": cosigned },
  });
  expect(misplaced.verdict).toBe("TAMPERED");
  const tampered = misplaced.findings.filter(({ verdict }) => verdict === "TAMPERED").map(({ where }) => where);
  expect(tampered).toEqual(["a: cosigned", "b: cosigned"]);
  await rm(forged.directory, { recursive: true });
});

test.each([
  ["does not know the log", () => ({ status: 404, body: "" }), "does not know"],
  ["knows it by another key", () => ({ status: 403, body: "" }), "another key"],
  ["says that it was forked", () => ({ status: 422, body: "" }), "does not extend"],
  ["has seen more of it", () => ({ status: 409, body: "99\n" }), "has seen 99"],
  ["answers a conflict without a size", () => ({ status: 409, body: "no\n" }), "without a size"],
  ["always has a conflict", () => ({ status: 409, body: "1\n" }), "others ask it"],
  ["answers something else", () => ({ status: 200, body: "hello\n" }), "no cosignature"],
  ["answers without end", () => ({ status: 200, body: "x".repeat(200_000) }), "too large"],
  ["fails", () => ({ status: 500, body: "" }), "answered 500"],
  ["signs something else", () => ({ status: 200, body: null }), "does not fit"],
])("a witness that %s is named with what to do", async (_what, answer, words) => {
  await sample.grow("a", 2);
  await sample.record();
  const [first] = witnesses;
  if (first === undefined) throw new Error("no witness");
  first.misbehave = (proper) => {
    const { status, body } = answer();
    return { status, body: body ?? proper.body.replace(/A{4}/, "AAAB") };
  };
  const single = `${policy.split("\n").slice(0, 2).join("\n")}\nquorum w1\n`;
  const [no, why] = await open(single).round();
  expect(no).toContain("no quorum");
  expect(why).toContain(words);
  expect(await sample.objects.read("log/directory/cosigned")).toBeNull();
});

function receivedAt(ms: number): string {
  return new Date(ms).toISOString().replace("Z", "000000Z");
}
