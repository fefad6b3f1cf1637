import { cp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createWitnessing, type NormalizedFrame } from "@runledger/collector";
import {
  type BundleRun,
  DIRECTORY,
  parseManifest,
  parsePolicy,
  type RunInLog,
  type RunledgerRecord,
  unverifiedCheckpoint,
  verifyStore,
} from "@runledger/contract";
import { loadOrCreateSigningKey, openKeyring } from "@runledger/storage";
import { verifyTarget } from "@runledger/verify";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startFakeWitness } from "../directory/fake-witness.ts";
import { verifySample } from "../directory/sample-directory.ts";
import { type BothVerifiers, startBothVerifiers, type Trusting } from "./both-verifiers.ts";
import { type BundleLog, createBundleLog, frame, NOBODY, runFrame, timeAt } from "./bundle-log.ts";
import {
  change,
  editLines,
  fileOf,
  linesOf,
  readTar,
  type TarFiles,
  withFacts,
  withSums,
  writeTar,
} from "./bundle-tar.ts";
import { startLyingServer } from "./lying-server.ts";
import { ended } from "./operator-log.ts";
import { createSampleStore } from "./sample-log.ts";
import { createTwoLogs, partOfRun, type TwoLogs } from "./two-logs.ts";

let verifiers: BothVerifiers;
let logs: TwoLogs;
let trust: Trusting;
let early: { a: Buffer; b: Buffer };
/** Of all, of a user, of a time, without contents, of the state before the last records; and of the user when it was erased. */
const bundles: Record<"whole" | "user" | "range" | "facts" | "older" | "erased", Buffer> = {} as never;
const files = (name: keyof typeof bundles): TarFiles => readTar(bundles[name]);
const entriesOf = (shard: string, all: TarFiles = files("whole")): string =>
  all.find(([path]) => path.startsWith(`logs/${shard}/entries/`))?.[0] ?? "";
const isProof = ([path]: readonly [string, Buffer]): boolean => path.includes("/proofs/");
const unproven = (all: TarFiles): TarFiles => all.filter((file) => !isProof(file));

beforeAll(async () => {
  verifiers = await startBothVerifiers();
  logs = await createTwoLogs();
  // A run begins at b; its collector dies after record 3 was taken, whose sender tries again at a, and goes on there.
  const moving = { run: "moving", user: "u1", second: 0 };
  await logs.write("b", partOfRun(1, moving, { from: 0, to: 4, ends: false }));
  await logs.write("a", runFrame(1, { run: "at-a", agent: "billing", user: "u2", steps: 3, second: 2 }));
  early = { a: await logs.checkpoint("a"), b: await logs.checkpoint("b") };
  await logs.record("2026-01-01T00:00:10.000Z");
  bundles.older = await logs.export();
  await logs.write("a", partOfRun(2, moving, { from: 3, to: 8, ends: true }));
  await logs.write("b", runFrame(2, { run: "at-b", agent: "support", user: "u1", steps: 2, second: 20 }));
  await logs.record("2026-01-01T00:00:30.000Z");
  trust = { keys: Object.values(logs.keys) };
  const since_checkpoints = [early.a, early.b].map((note) => unverifiedCheckpoint(note));
  bundles.whole = await logs.export(
    {},
    { since_checkpoints: since_checkpoints.map(({ origin, size }) => ({ origin, size })) },
  );
  bundles.user = await logs.export({ user: "u1" });
  bundles.range = await logs.export({ since: timeAt(2), until: timeAt(22) });
  bundles.facts = await logs.export({ user: "u1" }, { content: false });
  await logs.erase("u1", "a", 3);
  bundles.erased = await logs.export({ user: "u1" });
});
afterAll(async () => {
  await verifiers.close();
  await logs.remove();
});

async function both(tar: Buffer, trusting: Trusting = trust) {
  const seen = await verifiers.verify(tar, trusting);
  expect(seen.python, JSON.stringify(seen.why)).toBe(seen.node);
  return seen;
}
async function verdictOf(tar: Buffer, trusting: Trusting = trust): Promise<string> {
  return (await both(tar, trusting)).node;
}

async function foundOf(what: string, changed: Iterable<[string, Buffer]>): Promise<void> {
  const missed: unknown[] = [];
  let total = 0;
  for (const [name, tar] of changed) {
    total++;
    const { node, python, why } = await verifiers.verify(tar, trust);
    if (node === "VERIFIED" || node !== python) missed.push({ name, node, python, why });
  }
  process.stdout.write(`${what}: ${total - missed.length} of ${total} found, by both alike\n`);
  expect(missed.slice(0, 5)).toEqual([]);
  expect(total).toBeGreaterThan(0);
}

test.each(["whole", "user", "range", "facts", "older", "erased"] as const)(
  "a genuine bundle of two logs is verified by the keys of both: %s",
  async (name) => {
    const seen = await both(bundles[name]);
    expect(seen.node, JSON.stringify(seen.why)).toBe("VERIFIED");
    expect(await verdictOf(bundles[name], { keys: [logs.keys.a, logs.keys.directory] })).toBe("UNTRUSTED");
    expect(await verdictOf(bundles[name], { keys: [logs.keys.a, logs.keys.b] })).toBe("VERIFIED");
    expect(await verdictOf(bundles[name], { keys: [] })).toBe("UNTRUSTED");
  },
);

test("a run that moved from one collector to another is one, and what both have of it counts once", () => {
  const runs: BundleRun[] = JSON.parse(fileOf(files("whole"), "runs.json").toString());
  const places: RunInLog[] = [
    { shard: "a", first_index: 5, last_index: 9, records: 5 },
    { shard: "b", first_index: 0, last_index: 2, records: 3 },
  ];
  expect(runs.map(({ run_id }) => run_id)).toEqual(["at-a", "at-b", "moving"]);
  expect(runs[2]).toMatchObject({
    records: 8,
    steps: 6,
    gaps: [],
    records_expected: 8,
    status: "completed",
    logs: places,
  });
  expect(JSON.parse(fileOf(files("whole"), "summary.json").toString())).toMatchObject({
    ...{ entries: 18, duplicates: 1, runs: 3 },
    ...{ first_received_time: timeAt(0), last_received_time: timeAt(23) },
  });
  const events = linesOf(fileOf(files("whole"), "derived/ocsf.jsonl")).map((line) => JSON.parse(line));
  expect(events).toHaveLength(11);
  expect(events.map(({ unmapped }) => unmapped.shard).join("")).toBe("bbaaaaaaabb");
});

test("what an act in one log has erased in the other is explained by it, and by nothing else", async () => {
  const erased = files("erased");
  const lines = erased.flatMap(([path, bytes]) => (/payloads\/.*l$/.test(path) ? linesOf(bytes) : []));
  const elsewhere = lines.filter((line) => line.includes('"erased_in":"a"'));
  expect(elsewhere.length).toBeGreaterThan(0);
  expect(lines.length).toBeGreaterThan(elsewhere.length);
  expect(lines.every((line) => line.includes('"erased_by":10'))).toBe(true);
  const without = change(unproven(erased), {
    [entriesOf("a", erased)]: editLines((all) => all.filter((line) => !line.includes('"erasure"'))),
  });
  expect(await verdictOf(writeTar(withFacts(without)))).toBe("INCOMPLETE");
  const saidOf = (edit: (line: string) => string) =>
    change(erased, { "logs/b/payloads/000000000000000.jsonl": editLines((all) => all.map(edit)) });
  expect(
    await verdictOf(writeTar(withSums(saidOf((line) => line.replace('"erased_in":"a"', '"erased_in":"c"'))))),
  ).toBe("INCOMPLETE");
  expect(await verdictOf(writeTar(withSums(saidOf((line) => line.replace('"erased_in":"a",', "")))))).toBe(
    "INCOMPLETE",
  );
  const act = linesOf(fileOf(erased, entriesOf("a", erased))).at(-1) as string;
  const movedTo = (edit: (all: string[]) => string[]): Buffer =>
    writeTar(
      withFacts(
        change(unproven(erased), {
          [entriesOf("a", erased)]: editLines((all) => all.slice(0, -1)),
          [entriesOf("b", erased)]: editLines(edit),
        }),
      ),
    );
  expect(await verdictOf(movedTo((all) => [...all, act]))).toBe("INCOMPLETE"); // b has no such index
  const last = act.replace("[10,", "[7,");
  expect(await verdictOf(movedTo((all) => [...all.slice(0, -1), last]))).toBe("TAMPERED");
});

test("of a store, one log alone is verified with the acts of the others, which the directory has recorded", async () => {
  expect((await logs.verify()).findings).toEqual([]);
  expect((await logs.verify("b")).verdict).toBe("INCOMPLETE");
  await logs.record("2026-01-01T00:01:00.000Z");
  const { verdict, logs: verified } = await logs.verify("b");
  expect(verified).toMatchObject([{ findings: [], sealedPayloads: { unopened: 0 } }]);
  expect(verified[0]?.sealedPayloads?.erased).toBeGreaterThan(0);
  expect(verdict).toBe("VERIFIED");
  // An act excuses nothing where it is not what its log's key signed: of that log nothing else is looked at.
  const acts = join(logs.directory, "objects/log/a/tile/entries/000.p/11");
  const genuine = await readFile(acts);
  await writeFile(
    acts,
    Buffer.from(genuine.toString("latin1").replace('"reason":"asked to"', '"reason":"asked so"'), "latin1"),
  );
  expect((await logs.verify("b")).verdict).toBe("INCOMPLETE");
  await writeFile(acts, genuine);
});

test("of a run with records in a log that is not here it is not said that they never arrived", async () => {
  const { a, b, directory } = logs.keys;
  for (const [keys, absent] of [
    [[a, b], {}],
    [[a, b, directory], {}],
    [[a, b, directory], { "log/directory/checkpoint": null }],
  ] as const) {
    const sample = { objects: logs.objects, keys: [...keys] };
    const seen = await verifySample(sample, "quorum none\n", { hidden: "b", changes: absent });
    expect(seen).toMatchObject({ verdict: "INCOMPLETE", runs: { problems: [{ run_id: "moving", kind: "removed" }] } });
  }
  const headless = { objects: logs.objects, keys: [a, b] };
  const seen = await verifySample(headless, "quorum none\n", { changes: { "log/b/checkpoint": null } });
  expect(seen.runs.problems).toMatchObject([{ run_id: "moving", kind: "removed" }]);
});

test("tenants are apart in every log, and what expired is explained by the installation's act in whichever", async () => {
  const shared = await createTwoLogs();
  const of = (tenant: string, written: NormalizedFrame): NormalizedFrame => ({
    ...written,
    records: written.records.map((each) => ({ ...each, facts: { ...each.facts, tenant } })),
  });
  await shared.write("a", runFrame(1, { run: "theirs", agent: "spy", user: "u9", steps: 2, second: 0 }));
  const theirs = of("elsewhere", runFrame(2, { run: "hidden", agent: "spy", user: "u9", steps: 2, second: 5 }));
  await shared.write("a", theirs);
  await shared.write(
    "b",
    of("elsewhere", runFrame(1, { run: "hidden", agent: "spy", user: "u9", steps: 2, second: 5 })),
  );
  await shared.write("b", runFrame(2, { run: "ours", agent: "support", user: "u1", steps: 2, second: 9 }));
  await shared.record("2026-01-01T00:00:20.000Z");
  const keys = Object.values(shared.keys);
  const bundle = await shared.export();
  expect(logsOf(readTar(bundle))).toMatchObject([
    { shard: "a", selection: "range", range: [0, 8], hidden: 4 },
    { shard: "b", selection: "range", range: [0, 8], hidden: 4 },
  ]);
  expect(bundle.includes('"elsewhere"')).toBe(false);
  expect(await verdictOf(bundle, { keys })).toBe("VERIFIED");
  // After the time of the act that is said to have expired it.
  await shared.write("a", runFrame(3, { run: "late", agent: "spy", user: "u9", steps: 2, second: 95 }));
  await shared.expire("b", "installation", 3);
  for (const filter of [{}, { agent: "spy" }, { until: timeAt(50) }] as Record<string, string>[]) {
    const expired = readTar(await shared.export(filter));
    const seen = await both(writeTar(expired), { keys });
    expect(seen.node).toBe("VERIFIED");
    const late = expect.stringMatching(/^a: Contents came after the act .*: \d+, the first of entry 9\. /);
    for (const { notes } of [seen.report.node, seen.report.python] as { notes: string[] }[])
      expect(notes.filter((note) => note.includes("Contents "))).toEqual(filter["until"] === undefined ? [late] : []);
    const without = change(unproven(expired), {
      [entriesOf("b", expired)]: editLines((all) => all.filter((line) => !line.includes('"expiry"'))),
    });
    const told = without.filter(([, bytes]) => bytes.length > 0);
    expect(await verdictOf(writeTar(withFacts(told)), { keys })).toBe("INCOMPLETE");
  }
  await shared.remove();
});

test("a log that is left out is missed", async () => {
  const whole = files("whole");
  const dropped = whole.filter(([path]) => !path.startsWith("logs/b/"));
  expect(await verdictOf(writeTar(dropped))).toBe("INCOMPLETE");
  expect(await verdictOf(writeTar(withFacts(dropped)))).toBe("INCOMPLETE");
  const onlyTiles = whole.filter(([path]) => !path.startsWith("logs/b/") || path === "logs/b/checkpoint");
  expect(await verdictOf(writeTar(withFacts(onlyTiles)))).toBe("INCOMPLETE");
  // A bundle of one log, as who asked for it alone gets it: the directory names the other.
  const alone = await logs.export({ user: "u2" }, { shard: "a" });
  const seen = await both(alone);
  expect(seen.node).toBe("INCOMPLETE");
  expect(JSON.stringify(seen.why)).toContain("shard b");
  expect(await verdictOf(alone, { ...trust, shard: "a" })).toBe("VERIFIED");
  expect(await verdictOf(alone, { ...trust, shard: "b" })).toBe("INCOMPLETE");
  const untold = writeTar(withSums(readTar(alone).filter(([path]) => path !== "anchors.json")));
  expect(await verdictOf(untold)).toBe("INCOMPLETE");
  expect(await verdictOf(untold, { keys: [logs.keys.a] })).toBe("VERIFIED"); // who has not the directory's key is told in a note
  expect(await verdictOf(writeTar(withSums(whole.filter(([path]) => path !== "anchors.json"))))).toBe("INCOMPLETE");
  // The other's key tells neither when it began nor that it is of this store.
  const given =
    "Not here, though you gave keys of them: runledger.local/two/b. Left out, of another store, or begun later.";
  for (const [shard, notes] of [
    [{}, [given]],
    [{ shard: "a" }, []],
  ] as const) {
    const { node, report } = await both(untold, { keys: [logs.keys.a, logs.keys.b], ...shard });
    expect(node).toBe("VERIFIED");
    for (const each of [report.node, report.python] as { notes: string[] }[])
      expect(each.notes.filter((note) => note.startsWith("Not here"))).toEqual(notes);
  }
  // But what a run lacks may be in it.
  const all = readTar(await logs.export({}, { shard: "a" })).filter(([path]) => path !== "anchors.json");
  for (const [keys, words] of [
    [[logs.keys.a], "never arrived: every entry of the log is here"],
    [[logs.keys.a, logs.keys.b], "were removed, or never arrived"],
  ] as const) {
    const { node, why } = await both(writeTar(withSums(all)), { keys });
    expect([node, JSON.stringify(why).split(words).length - 1]).toEqual(["INCOMPLETE", 2]);
  }
});

test("a directory's head of before a log was begun does not hide it", async () => {
  const three = await createTwoLogs();
  await three.write("a", runFrame(1, { run: "x", agent: "support", user: "u1", steps: 1, second: 0 }));
  await three.record("2026-01-01T00:00:05.000Z");
  const anchors = fileOf(readTar(await three.export()), "anchors.json");
  await three.write("b", runFrame(3, { run: "y", agent: "support", user: "u1", steps: 1, second: 1000 }));
  await three.write("a", runFrame(2, { run: "z", agent: "support", user: "u1", steps: 1, second: 1000 }));
  await three.record("2026-01-01T00:17:00.000Z");
  const keys = Object.values(three.keys);
  expect(await verdictOf(await three.export(), { keys })).toBe("VERIFIED");
  const alone = readTar(await three.export({}, { shard: "a" }));
  // The head that knew a alone covers its beginning; what came a quarter of an hour later is not shown to be all.
  const { consistency } = JSON.parse(fileOf(alone, "anchors.json").toString()).heads[0];
  const old = JSON.parse(anchors.toString()).heads[0];
  const proof = await three.consistency(3, 6);
  const text = `${JSON.stringify({ heads: [{ ...old, consistency: proof }] })}\n`;
  expect(consistency).toEqual([]);
  const seen = await both(writeTar(withSums(change(alone, { "anchors.json": () => Buffer.from(text) }))), { keys });
  expect(seen.node).toBe("INCOMPLETE");
  expect(JSON.stringify(seen.why)).toContain("anchors.json");
  await three.remove();
});

test("an older state of the only log does not pass beside a directory that remembers more", async () => {
  const one = await createTwoLogs();
  await one.write("a", runFrame(1, { run: "x", agent: "support", user: "u1", steps: 1, second: 0 }));
  await one.record("2026-01-01T00:00:05.000Z");
  const older = readTar(await one.export());
  await one.write("a", runFrame(2, { run: "z", agent: "support", user: "u1", steps: 1, second: 10 }));
  await one.record("2026-01-01T00:00:20.000Z");
  const keys = Object.values(one.keys);
  const newer = await one.export();
  expect(await verdictOf(newer, { keys })).toBe("VERIFIED");
  const anchors = JSON.parse(fileOf(readTar(newer), "anchors.json").toString());
  anchors.heads[0].consistency = await one.consistency(3, 6);
  const text = Buffer.from(`${JSON.stringify(anchors)}\n`);
  const seen = await both(writeTar(withSums(change(older, { "anchors.json": () => text }))), { keys });
  expect(seen.node).toBe("INCOMPLETE");
  expect(JSON.stringify(seen.why)).toContain("of its first 3");
  await one.remove();
});

test("an older entry of the directory does not pass for its newest of a log", async () => {
  const two = await createTwoLogs();
  await two.write("a", runFrame(1, { run: "x", agent: "support", user: "u1", steps: 1, second: 0 }));
  await two.write("b", runFrame(3, { run: "y", agent: "support", user: "u2", steps: 1, second: 1 }));
  await two.record("2026-01-01T00:00:05.000Z");
  const older = readTar(await two.export());
  await two.write("a", runFrame(2, { run: "hidden", agent: "support", user: "u1", steps: 1, second: 10 }));
  await two.write("b", runFrame(4, { run: "z", agent: "support", user: "u2", steps: 1, second: 11 }));
  await two.record("2026-01-01T00:00:20.000Z");
  const newer = readTar(await two.export());
  const keys = Object.values(two.keys);
  expect(await verdictOf(writeTar(newer), { keys })).toBe("VERIFIED");
  // All of it is genuine, and none of it asks for a key: a as it was, with the proof that the directory once recorded it so.
  const jsonOf = (files: TarFiles, path: string) => JSON.parse(fileOf(files, path).toString());
  const [manifest, anchors] = [jsonOf(newer, "bundle.json"), jsonOf(newer, "anchors.json")];
  manifest.logs[0] = jsonOf(older, "bundle.json").logs[0];
  const [recorded] = jsonOf(older, "anchors.json").heads[0].recorded;
  anchors.heads[0].recorded[0] = { ...recorded, proof: await two.inclusion(recorded.index) };
  anchors.heads[0].logs[0].consistency = [];
  const isOfA = (path: string): boolean => path.startsWith("logs/a/");
  const edited = change(newer, {
    "bundle.json": () => Buffer.from(`${JSON.stringify(manifest)}\n`),
    "anchors.json": () => Buffer.from(`${JSON.stringify(anchors)}\n`),
  });
  const first = edited.findIndex(([path]) => isOfA(path) && path !== "logs/a/checkpoint");
  const forged = edited.flatMap((file, i): TarFiles => {
    if (file[0] === "logs/a/checkpoint") return older.filter(([path]) => path === file[0]);
    if (i === first) return older.filter(([path]) => isOfA(path) && path !== "logs/a/checkpoint");
    return isOfA(file[0]) ? [] : [file];
  });
  for (const more of [{}, { shard: "a" }]) {
    const seen = await both(writeTar(withFacts(forged)), { keys, ...more });
    expect(seen.node).toBe("INCOMPLETE");
    expect(JSON.stringify(seen.why)).toContain("these are not the newest heads");
    for (const verifier of ["node", "python"] as const)
      expect(JSON.stringify(seen.report[verifier])).not.toContain("the directory knew no log");
  }
  // As keepers wrote entries before.
  await two.write("a", runFrame(5, { run: "w", agent: "support", user: "u1", steps: 1, second: 20 }));
  await two.recordAsBefore("a", "2026-01-01T00:00:30.000Z");
  const bare = await two.export();
  const seen = await both(bare, { keys });
  expect(seen.node).toBe("INCOMPLETE");
  expect(JSON.stringify(seen.why)).toContain("no heads_sha256");
  expect(await verdictOf(bare, { keys: keys.filter((key) => !key.includes("/directory+")) })).toBe("VERIFIED");
  expect(await verdictOf(await two.export({}, { shard: "a" }), { keys, shard: "a" })).toBe("VERIFIED");
  await two.remove();
});

/** A log that stands nowhere, in b's place: its one entry is an act by which all contents of these logs have expired. */
async function forgedAct(of: TwoLogs, keysOf: TwoLogs = of): Promise<BundleLog> {
  const months = await (await openKeyring(of.objects, { file: join(of.directory, "master.key") }))?.months();
  const actor = { key_id: null, name: "retention", roles: [] };
  const target = { class: "content", key_id_prefixes: [...(months?.keys() ?? [])] };
  const act = { action: "expiry", actor, reason: null, target };
  const fresh = await createSampleStore();
  const key = await loadOrCreateSigningKey(join(keysOf.directory, "b.key"), "runledger.local/two/b");
  const log = await createBundleLog({ ...fresh, key: { ...key, lastSigned: fresh.key.lastSigned } });
  for (let seq = 1; seq <= 5; seq++)
    await log.write(
      frame(seq, [{ event: "act", kind: "other", name: "expiry", run_id: "", received_time: timeAt(50), act }]),
    );
  return log;
}

async function withTwoLogs(act: (two: TwoLogs) => Promise<void>): Promise<void> {
  const two = await createTwoLogs();
  await two.write("a", runFrame(1, { run: "x", agent: "support", user: "u1", steps: 3, second: 0 }));
  await two.write("b", runFrame(2, { run: "y", agent: "support", user: "u2", steps: 1, second: 1 }));
  await two.record("2026-01-01T00:00:10.000Z");
  await act(two);
  await two.remove();
}

test("an act of a history that is shown once, to who looks for acts, excuses no contents that are gone", () =>
  withTwoLogs(async (two) => {
    const forged = await forgedAct(two);
    let asked = 0;
    const server = await startLyingServer(["a", "b"], async (path, times) => {
      if (path === "log/b/checkpoint") asked = times;
      // As the second to ask for it: the first looks which logs there are.
      if (path.startsWith("log/b/") && asked === 2) return await forged.store.objects.read(path.replace("/b/", "/s0/"));
      return path.startsWith("payloads/a/") ? null : await two.objects.read(path);
    });
    const seen = await verifyTarget(server.url, { trust: { verifierKeys: Object.values(two.keys) } });
    expect(seen.verdict).toBe("INCOMPLETE");
    expect(seen.findings[0]?.what).toContain("pack");
    server.close();
    await forged.remove();
  }));

test("nor, where one log is asked for, does an act of another that its directory has not, or has by a head that its key did not sign", () =>
  withTwoLogs(async (two) => {
    const log = join(two.directory, "objects/log/b");
    const put = async (forged: BundleLog): Promise<void> => {
      await rm(log, { recursive: true });
      await cp(join(forged.store.directory, "objects/log/s0"), log, { recursive: true });
    };
    await rm(join(two.directory, "objects/payloads/a"), { recursive: true });
    const [own, others] = [await forgedAct(two), await createTwoLogs()];
    await put(own);
    expect((await two.verify("a")).verdict).toBe("INCOMPLETE");
    const unsigned = await forgedAct(two, others);
    await put(unsigned);
    await two.recordAsBefore("b", "2026-01-01T00:00:20.000Z");
    const { verdict, findings } = await two.verify("a");
    expect(findings.map(({ where }) => where)).not.toContain("directory: entry 2");
    expect(verdict).toBe("INCOMPLETE");
    for (const each of [own, unsigned, others]) await each.remove();
  }));

test("nor an act of another history of the log that is asked for, which lies beside it", () =>
  withTwoLogs(async (two) => {
    const forged = await forgedAct(two);
    const server = await startLyingServer(["a", "b", "b2"], async (path) => {
      if (path.startsWith("log/b2/")) return await forged.store.objects.read(path.replace("/b2/", "/s0/"));
      return path.startsWith("payloads/b/") ? null : await two.objects.read(path);
    });
    const trust = { verifierKeys: [two.keys.a, two.keys.b] };
    expect((await verifyTarget(server.url, { trust, shard: "b" })).verdict).toBe("INCOMPLETE");
    server.close();
    await forged.remove();
  }));

test("with one log asked for under a quorum, an act of another counts once its head is cosigned", () =>
  withTwoLogs(async (two) => {
    const witness = await startFakeWitness("w.example", [two.keys.directory]);
    const policy = parsePolicy(`witness w ${witness.verifierKey} ${witness.url}\nquorum w\n`);
    const cosign = () =>
      createWitnessing(two.objects, { log: DIRECTORY, verifierKey: two.keys.directory, policy }).round();
    const verify = async () => {
      const server = await startLyingServer(["a", "b"], (path) => two.objects.read(path));
      const trust = { verifierKeys: Object.values(two.keys), witnessed: policy };
      const { verdict } = await verifyTarget(server.url, { trust, shard: "a" });
      server.close();
      return verdict;
    };
    expect(await cosign()).toEqual([]);
    expect(await verify()).toBe("VERIFIED");
    await two.expire("b", "default", 3);
    expect(await verify()).toBe("INCOMPLETE");
    await two.record("2026-01-01T00:02:00.000Z");
    expect(await verify()).toBe("INCOMPLETE");
    expect(await cosign()).toEqual([]);
    expect(await verify()).toBe("VERIFIED");
    await witness.close();
  }));

test("a log that lies there twice can't answer for itself as it was", async () => {
  const two = await createTwoLogs();
  await two.write("a", runFrame(1, { run: "x", agent: "support", user: "u1", steps: 1, second: 0 }));
  await cp(join(two.directory, "objects/log/a"), join(two.directory, "objects/log/b"), { recursive: true });
  const { verdict, findings } = await two.verify();
  expect(verdict).toBe("TAMPERED");
  const what = "its log is runledger.local/two/a, as that of shard a is";
  expect(findings).toContainEqual({ verdict: "TAMPERED", where: "shard b", what });
  await two.remove();
});

test("which log it is that was asked for alone is said by its origin, whatever bundle.json calls it", async () => {
  const alone = readTar(await logs.export({ user: "u2" }, { shard: "a" })).filter(([path]) => path !== "anchors.json");
  const renamed = withSums(
    change(alone, { "bundle.json": (bytes) => Buffer.from(bytes.toString().replace('"shard":"a"', '"shard":"b"')) }),
  );
  expect(await verdictOf(writeTar(withSums(alone)), { ...trust, shard: "a" })).toBe("VERIFIED");
  const asked = await both(writeTar(renamed), { ...trust, shard: "b" });
  expect(asked.node).toBe("INCOMPLETE");
  expect(JSON.stringify(asked.why)).toContain("shard b");
  const unasked = await both(writeTar(renamed), { ...trust, shard: "a" });
  expect(unasked.node).toBe("VERIFIED");
  const note = "bundle.json calls the log runledger.local/two/a by another name: b.";
  for (const report of [unasked.report.node, unasked.report.python])
    expect(report).toMatchObject({ notes: expect.arrayContaining([note]) });
  // A store where one log lies in another's place.
  const swapped = await createTwoLogs();
  await swapped.write("a", runFrame(1, { run: "a", agent: "support", user: "u1", steps: 1, second: 0 }));
  const objects = join(swapped.directory, "objects");
  await rename(join(objects, "log/a"), join(objects, "log/b"));
  await rename(join(objects, "payloads/a"), join(objects, "payloads/b"));
  const { verdict, findings } = await swapped.verify("b");
  const what = "the log that lies there is runledger.local/two/a, which is another";
  expect(findings).toContainEqual({ verdict: "INCOMPLETE", where: "shard b", what });
  expect(verdict).toBe("INCOMPLETE");
  await swapped.remove();
});

test("logs in each other's place, an older state of one, and entries of the other are found", async () => {
  const whole = files("whole");
  const swapped = whole.map(
    ([path, bytes]) => [path.replace(/^logs\/(a|b)\//, (_, s) => `logs/${s === "a" ? "b" : "a"}/`), bytes] as const,
  );
  const inOrder = (all: TarFiles): TarFiles => {
    const place = (path: string): number =>
      whole.findIndex(([each]) => each.replace(/\d{15}|\.p\/\d+/g, "") === path.replace(/\d{15}|\.p\/\d+/g, ""));
    return all.toSorted(([a], [b]) => place(a) - place(b));
  };
  expect(await verdictOf(writeTar(withFacts(inOrder(swapped))))).toBe("TAMPERED");
  const [a, b] = parseManifest(fileOf(whole, "bundle.json"))?.format === "runledger-bundle/2" ? logsOf(whole) : [];
  const renamed = JSON.stringify({
    ...JSON.parse(fileOf(whole, "bundle.json").toString()),
    logs: [
      { ...b, shard: "a" },
      { ...a, shard: "b" },
    ],
  });
  const claimed = change(inOrder(swapped), { "bundle.json": () => Buffer.from(`${renamed}\n`) });
  expect(await verdictOf(writeTar(withFacts(claimed)))).toBe("TAMPERED");
  const older = files("older");
  const oldHead = change(whole, { "logs/b/checkpoint": () => fileOf(older, "logs/b/checkpoint") });
  expect(await verdictOf(writeTar(withSums(unproven(oldHead))))).toBe("TAMPERED");
  // All of b as it was, and all else to match; the directory's head remembers more.
  const cut = [
    ...whole.filter(([path]) => !path.startsWith("logs/b/")),
    ...older.filter(([path]) => path.startsWith("logs/b/")),
  ];
  const cutManifest = JSON.stringify({
    ...JSON.parse(fileOf(whole, "bundle.json").toString()),
    logs: [a, logsOf(older)[1]],
  });
  const anchors = JSON.parse(fileOf(whole, "anchors.json").toString());
  anchors.heads[0].logs[1].consistency = await logs.consistency(4, 8, "b");
  const shorter = change(inOrder(cut), {
    "bundle.json": () => Buffer.from(`${cutManifest}\n`),
    "anchors.json": () => Buffer.from(`${JSON.stringify(anchors)}\n`),
  });
  const seen = await both(writeTar(withFacts(shorter)));
  expect(seen.node).toBe("INCOMPLETE");
  expect(JSON.stringify(seen.why)).toContain("of its first 4");
  // Nor does it help to show nothing of what the directory recorded of it: only its last entry, of the other log, has to be there.
  const unrecorded = JSON.parse(fileOf(whole, "anchors.json").toString());
  for (const head of unrecorded.heads) {
    head.recorded = head.recorded.slice(-1);
    head.logs = head.logs.slice(-1);
  }
  const setBack = change(
    inOrder([
      ...whole.filter(([path]) => !path.startsWith("logs/a/")),
      ...older.filter(([path]) => path.startsWith("logs/a/")),
    ]),
    {
      "bundle.json": (bytes) =>
        Buffer.from(`${JSON.stringify({ ...JSON.parse(bytes.toString()), logs: [logsOf(older)[0], b] })}\n`),
      "anchors.json": () => Buffer.from(`${JSON.stringify(unrecorded)}\n`),
    },
  );
  const notShown = await both(writeTar(withFacts(unproven(setBack))));
  expect(notShown.node, JSON.stringify(notShown.report.node)).toBe("INCOMPLETE");
  const line = linesOf(fileOf(whole, entriesOf("b")))[1] as string;
  const mixed = change(unproven(whole), {
    [entriesOf("a")]: editLines((all) => [all[0] as string, line, ...all.slice(2)]),
  });
  expect(await verdictOf(writeTar(withFacts(mixed)))).toBe("TAMPERED");
  const one = JSON.stringify({
    ...JSON.parse(fileOf(whole, "bundle.json").toString()),
    logs: [a, { ...a, shard: "b" }],
  });
  const twice = change(
    [
      ...whole.filter(([path]) => !path.startsWith("logs/b/")),
      ...whole
        .filter(([path]) => path.startsWith("logs/a/"))
        .map(([path, bytes]) => [path.replace("/a/", "/b/"), bytes] as const),
    ],
    { "bundle.json": () => Buffer.from(`${one}\n`) },
  );
  expect(await verdictOf(writeTar(withFacts(inOrder(twice))))).toBe("TAMPERED");
});

function logsOf(all: TarFiles): object[] {
  return JSON.parse(fileOf(all, "bundle.json").toString()).logs;
}

test("a record that one log withholds of a run in both is named", async () => {
  const facts = unproven(files("facts"));
  const withheld = change(facts, { [entriesOf("b", facts)]: editLines((all) => all.filter((_, i) => i !== 2)) });
  const seen = await both(writeTar(withFacts(withheld)));
  expect(seen.node).toBe("INCOMPLETE");
  expect(JSON.stringify(seen.why)).toMatch(/run moving.*records 2 of 8/);
});

test("a run told once more under the same ids, with another end, does not take the place of what was recorded", async () => {
  const twice = await createTwoLogs();
  const run = partOfRun(1, { run: "r", user: "u1", second: 0 }, { from: 0, to: 4, ends: true });
  await twice.write("b", ended(run, "failed"));
  await twice.write("a", run); // again, by a sender who heard no answer
  await twice.record("2026-01-01T00:00:10.000Z");
  const trusting = { keys: Object.values(twice.keys) };
  const seen = await both(await twice.export(), trusting);
  // runs.json goes by the first of the logs.
  expect(JSON.parse(fileOf(readTar(await twice.export()), "runs.json").toString())[0].status).toBe("completed");
  expect(seen.node).toBe("INCOMPLETE");
  expect((await twice.verify()).findings).toMatchObject([{ verdict: "INCOMPLETE", where: "run r" }]);
  await twice.remove();
});

test("a record told once more with other tokens is named by both verifiers, in bundle and store; sums are of the first", async () => {
  const twice = await createTwoLogs();
  const run = runFrame(1, { run: "r", agent: "support", user: "u1", steps: 2, second: 0 });
  const dearer = run.records.map(({ facts, ...record }) => ({
    ...record,
    facts: { ...facts, llm: facts.llm && { ...facts.llm, input_tokens: 9_000 } },
  }));
  await twice.write("a", run);
  await twice.write("b", { ...run, records: dearer });
  await twice.record("2026-01-01T00:00:10.000Z");
  const bundle = await twice.export();
  const trusting = { keys: Object.values(twice.keys) };
  const { report } = await verifiers.verify(bundle, trusting);
  const notes = [report.node, report.python, await twice.verify()].map((told) => (told as { notes: string[] }).notes);
  const recordId = run.records.find(({ facts }) => facts.llm !== null)?.facts.record_id;
  const told = `Record ${recordId} of run r is told again with other facts`;
  expect(notes.map((each) => each.filter((note) => note.startsWith(told)).length)).toEqual([1, 1, 1]);
  expect(notes[1]).toEqual(notes[0]);
  expect(await verdictOf(bundle, trusting)).toBe("VERIFIED");
  const [counted] = JSON.parse(fileOf(readTar(bundle), "runs.json").toString());
  expect(counted).toMatchObject({ records: 4, llm_calls: 1, input_tokens: 120 });
  await twice.remove();
});

const [HASH, OTHER] = ["1".repeat(64), "2".repeat(64)];
/** Of everything something. */
const TOLD = {
  ...{ event: "step", kind: "llm", name: "n", operation: "chat", status: "ok", error: { type: "t", message: null } },
  ...{
    trace_id: "t",
    step_id: "s",
    parent_id: "p",
    start_time: timeAt(1),
    end_time: timeAt(2),
    received_time: timeAt(3),
  },
  ...{ run: NOBODY, attributes: { a: 1 }, events: [{ name: "e" }] },
  end: { status: "completed", outcome: "o", reason: "r", records: 1 },
  cost: { usd: "0.1", price_table: "p", price_version: "1" },
  tool: {
    ...{ call_id: null, requested_by: null, idempotency_key: null, name: "n", result_bytes: null, attempt: null },
    ...{ arguments_sha256: HASH, result_sha256: HASH, known: null, valid: null, inferred: false },
  },
  llm: {
    ...{ provider: "openai", request_model: "m", response_model: "m", response_id: "i", finish_reasons: ["stop"] },
    ...{ system_prompt_sha256: HASH, prompt_sha256: HASH, tools_sha256: HASH, input_tokens: 1, output_tokens: 1 },
    ...{ cache_read_tokens: null, cache_write_tokens: null, reasoning_tokens: null, time_to_first_token_ms: null },
    ...{ streaming: null, counted: true, tool_requests: [], tool_results: [] },
  },
} satisfies Partial<RunledgerRecord>;
const changesOf = <Name extends "run" | "end" | "cost" | "tool" | "llm">(
  name: Name,
  changes: Partial<NonNullable<RunledgerRecord[Name]>>,
): Partial<RunledgerRecord>[] =>
  Object.entries(changes).map(([member, value]) => ({ [name]: { ...TOLD[name], [member]: value } }));
const each = (changes: Partial<RunledgerRecord>): Partial<RunledgerRecord>[] =>
  Object.entries(changes).map(([member, value]) => ({ [member]: value }));
/** Of any record: another span. */
const SPAN = each({ trace_id: "x", step_id: "x", parent_id: "x", start_time: timeAt(0), end_time: timeAt(5) });
/** Of a numbered one another record, of a foreign one something that a later version may read otherwise. */
const SAID = [
  ...each({ event: "run_end", status: "error", name: "x", operation: "x", error: null }),
  ...changesOf("end", { status: "failed", outcome: "x", reason: "x", records: 9 }),
  ...changesOf("tool", { name: "x", arguments_sha256: OTHER, result_sha256: OTHER, side_effect: "none" }),
  ...changesOf("tool", {
    permission: "x",
    principal: "x",
    confirmed: true,
    same_as: "x",
    cut_to_bytes: 1,
    fallback: true,
  }),
  ...each({
    decision: { options: [], choice: "x", confidence: null },
    guardrail: { passed: true, rule: null, target: null },
    approval: { tool: "x", approved: true, by: null },
    handoff: { to: "x" },
    state: { id: "x", store: null },
    artifact: { media_type: "x", sha256: HASH, size_bytes: 1 },
    score: { value: 1, label: null },
    limit: { name: "x", max: 1, reached: 1, running: null },
    privacy: { content: "hashes", redacted: [], withheld: [], failed: [] },
  }),
];
/** Of any record: the same, told otherwise. */
const FACTS = [
  ...each({ kind: "other", attributes: { a: 2 }, events: [] }),
  ...changesOf("run", {
    agent_name: "x",
    agent_version: "x",
    task_id: "x",
    task_type: "x",
    session_id: "x",
    user_id: "x",
  }),
  ...changesOf("cost", { usd: "9.9", price_table: "x", price_version: "2" }),
  ...changesOf("llm", { request_model: "x", response_model: "x", counted: false, input_tokens: 9, output_tokens: 9 }),
  ...changesOf("llm", { system_prompt_sha256: OTHER, prompt_sha256: OTHER, tools_sha256: OTHER }),
  ...changesOf("llm", { response_id: "x", finish_reasons: ["length"] }),
  ...changesOf("llm", { tool_requests: [{ call_id: null, name: "x", arguments_sha256: null }] }),
];

test("every member that a record's second telling is held against is looked at, by both verifiers", async () => {
  const numbered = (changes: Partial<RunledgerRecord>[]) => changes.map((change) => ({ change, run_seq: 0 }));
  const foreign = (changes: Partial<RunledgerRecord>[]) => changes.map((change) => ({ change, run_seq: null }));
  const others = [...numbered([...SPAN, ...SAID, ...each({ run_prev: OTHER })]), ...foreign(SPAN)];
  const noted = [...numbered(FACTS), ...foreign([...FACTS, ...SAID, ...each({ run_id: "another" })])];
  const missed: unknown[] = [];
  for (const [all, isOther] of [
    [others, true],
    [noted, false],
  ] as const)
    for (let from = 0; from < all.length; from += 20) {
      const some = all.slice(from, from + 20);
      const idOf = (i: number): string => String(i).padStart(64, "0");
      const told = some.map(({ run_seq }, i) => ({ ...TOLD, run_id: `run ${i}.`, record_id: idOf(i), run_seq }));
      const two = await createTwoLogs();
      await two.write("a", frame(1, told));
      await two.write(
        "b",
        frame(
          1,
          told.map((record, i) => ({ ...record, ...some[i]?.change })),
        ),
      );
      const { report } = await verifiers.verify(await two.export(), { keys: [two.keys.a, two.keys.b] });
      for (const [name, said] of Object.entries(report)) {
        const { findings, notes } = said as { findings: { where: string; what: string }[]; notes: string[] };
        some.forEach(({ change, run_seq }, i) => {
          const isFound = findings.some(({ where, what }) => where === `run run ${i}.` && what.includes("different"));
          const isNoted = notes.some((note) => note.startsWith(`Record ${idOf(i)} `));
          if (isFound !== isOther || isNoted === isOther) missed.push({ name, change, run_seq, isFound, isNoted });
        });
      }
      await two.remove();
    }
  expect(missed).toEqual([]);
});

test("earlier checkpoints are of the log of their name, any number of them", async () => {
  expect(await verdictOf(bundles.whole, { ...trust, since: [early.a, early.b] })).toBe("VERIFIED");
  expect(await verdictOf(bundles.whole, { ...trust, since: early.b })).toBe("VERIFIED");
  expect(await verdictOf(bundles.older, { ...trust, since: fileOf(files("whole"), "logs/b/checkpoint") })).toBe(
    "TAMPERED",
  );
  const strange = await createTwoLogs();
  await strange.write("b", runFrame(1, { run: "a", agent: "support", user: "u1", steps: 1, second: 0 }));
  const since = await strange.checkpoint("b");
  expect(await verdictOf(bundles.whole, { keys: [...trust.keys, strange.keys.b], since })).toBe("TAMPERED");
  await strange.remove();
});

test("of an erasure while the store is verified is said what to do; then it is none of the losses, though the directory does not know its collector yet", async () => {
  const two = await createTwoLogs();
  try {
    await two.write("a", runFrame(1, { run: "a", agent: "payments", user: "u1", steps: 3, second: 0 }));
    await two.record(timeAt(30));
    const keyring = await openKeyring(two.objects, { file: join(two.directory, "master.key") });
    let read = 0;
    const store = {
      list: two.objects.list,
      shards: async () => await two.objects.folders("log/").then((all) => all.filter((name) => name !== DIRECTORY)),
      read: async (path: string) => {
        if (path.startsWith("log/a/tile/entries") && ++read === 1) await two.erase("u1", "b", 1);
        return await two.objects.read(path);
      },
      ...(keyring && { findKey: keyring.reader() }),
    };
    const trusted = { logs: Object.values(two.keys), witnesses: [], quorum: null, now: Date.parse(timeAt(60)) / 1000 };
    const meanwhile = await verifyStore(store, trusted);
    expect(meanwhile).toMatchObject({ verdict: "INCOMPLETE" });
    expect(meanwhile.notes[0]).toContain("verify again");
    const seen = await verifyStore(store, trusted);
    expect(seen).toMatchObject({ verdict: "VERIFIED", logs: [{ sealedPayloads: { erased: 16 } }, {}] });
    expect(seen.notes).toEqual([expect.stringContaining("shard b is not in the directory yet")]);
  } finally {
    await two.remove();
  }
});

test("an export under a quorum waits for witnesses of an erasure, and is made without them once they are late", async () => {
  const two = await createTwoLogs();
  const witness = await startFakeWitness("w.example", [two.keys.directory]);
  try {
    await two.write("a", runFrame(1, { run: "a", agent: "payments", user: "u1", steps: 3, second: 0 }));
    await two.write("b", runFrame(2, { run: "b", agent: "support", user: "u2", steps: 3, second: 10 }));
    await two.record(timeAt(30));
    const policy = `witness w ${witness.verifierKey} ${witness.url}\nquorum w\n`;
    const settings = { log: DIRECTORY, verifierKey: two.keys.directory, policy: parsePolicy(policy) };
    expect(await createWitnessing(two.objects, settings).round()).toEqual([]);
    const trusting = { keys: Object.values(two.keys), policy };
    const nowMs = Date.parse(timeAt(90));
    expect(await verdictOf(await two.export({}, { nowMs }), trusting)).toBe("VERIFIED");
    await two.erase("u2", "b", 4);
    await expect(two.export({}, { nowMs })).rejects.toThrow(
      "have not seen entry 5 of shard b yet, by which contents are",
    );
    expect(await createWitnessing(two.objects, settings).round()).toEqual([]);
    await expect(two.export({}, { nowMs })).rejects.toThrow("have not seen entry 5");
    await two.record(timeAt(91));
    expect(await createWitnessing(two.objects, settings).round()).toEqual([]);
    expect(await verdictOf(await two.export({}, { nowMs }), trusting)).toBe("VERIFIED");
    // Another tenant's, and what looks like an act, are nothing to wait for.
    const act = { action: "erasure", actor: { key_id: null, name: "x", roles: [] }, reason: null, target: {} };
    await two.write("a", frame(5, [{ event: "act", run_id: "", tenant: "other", received_time: timeAt(92), act }]));
    await two.write("a", frame(6, [{ received_time: timeAt(93), attributes: { act } }]));
    expect(await verdictOf(await two.export({}, { nowMs }), trusting)).toBe("VERIFIED");
    await two.erase("u1", "a", 7);
    expect(await verdictOf(await two.export({}, { nowMs: nowMs + 3_600_000 }), trusting)).toBe("INCOMPLETE");
  } finally {
    await witness.close();
    await two.remove();
  }
});

test("what is missing counts however much else was found before it", async () => {
  const withheld = withSums(unproven(files("facts")).filter(([path]) => !path.startsWith("logs/b/tile/0/")));
  // No key is given, so each of them is untrusted: more than findings are listed.
  const since = Array.from({ length: 101 }, () => early.a);
  expect(await verdictOf(writeTar(withheld), { keys: [], since })).toBe("UNTRUSTED");
});

test("changed bytes of a bundle of two logs, sampled over every file, are found", async () => {
  const flipped = (bytes: Buffer, at: number): Buffer => {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] as number) ^ (1 << (at % 8));
    return changed;
  };
  function* changes(): Generator<[string, Buffer]> {
    const tar = bundles.range;
    for (let at = 0; at < tar.length; at += 1_009) yield [`byte ${at}`, flipped(tar, at)];
    let from = 0;
    for (const [path, bytes] of files("range")) {
      for (const at of new Set([0, 124, 512, 512 + (bytes.length >> 1)]))
        yield [`${path} ${at}`, flipped(tar, from + at)];
      from += 512 + Math.ceil(bytes.length / 512) * 512;
    }
  }
  await foundOf("changed bytes of a bundle of two logs", changes());
}, 300_000);

test("files of a bundle of two logs, dropped, doubled, or lengthened, with sums made anew, are found", async () => {
  function* changes(): Generator<[string, Buffer]> {
    const all = files("whole").filter((file) => !isProof(file) || file[0].endsWith("/000000000000000.tlog-proof"));
    for (const [i, [path, bytes]] of all.entries()) {
      yield [`${path} dropped`, writeTar(all.filter((_, at) => at !== i))];
      yield [`${path} doubled`, writeTar([...all.slice(0, i + 1), ...all.slice(i)])];
      if (/^(derived|policies|README|SHA256SUMS)/.test(path)) continue;
      const longer = all.map((file, at) =>
        at === i ? ([path, Buffer.concat([bytes, Buffer.of(10)])] as const) : file,
      );
      yield [`${path} lengthened, sums anew`, writeTar(withSums(longer))];
      if (path.includes("/tile/entries/") || path.includes("/proofs/")) continue; // all of them may be left out
      yield [`${path} dropped, sums anew`, writeTar(withSums(all.filter((_, at) => at !== i)))];
      for (const folder of ["logs/c/", "", "logs/a/logs/b/"]) {
        if (!path.startsWith("logs/a/")) continue;
        const elsewhere = all.map((file, at) =>
          at === i ? ([path.replace("logs/a/", folder), bytes] as const) : file,
        );
        yield [`${path} in ${folder}`, writeTar(withSums(elsewhere))];
      }
    }
  }
  await foundOf("changed files of a bundle of two logs", changes());
}, 300_000);
