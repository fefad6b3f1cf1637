import { generateKeyPairSync } from "node:crypto";
import { createCosigner, formatVerifierKey, signNote, verifyShard } from "@runledger/contract";
import { openKeyring } from "@runledger/storage";
import { verifyTarget } from "@runledger/verify";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type BothVerifiers, startBothVerifiers, type Trusting } from "./both-verifiers.ts";
import { type BundleLog, runFrame, timeAt } from "./bundle-log.ts";
import { change, editLines, fileOf, linesOf, readTar, withFacts, withSums, writeTar } from "./bundle-tar.ts";
import { startLyingServer } from "./lying-server.ts";
import { ended, logOf, openedAgain, snapshotOf, TRUTH } from "./operator-log.ts";
import { SHARD } from "./sample-log.ts";

/**
 * The operator has root on every machine and all keys, and an auditor is coming: what they can do, and what finds it. Each attack is judged by both verifiers. What a
 * directory of shards, witnesses' own refusals and time stamps find is in test/directory.
 */
let verifiers: BothVerifiers;
let truth: BundleLog;
let whole: Buffer;
let kept: Buffer;
let trust: Trusting;
const logs: BundleLog[] = [];
const found: string[] = [];

beforeAll(async () => {
  verifiers = await startBothVerifiers();
  truth = await logged(TRUTH.slice(0, 2));
  kept = await truth.checkpoint();
  for (const frame of TRUTH.slice(2)) await truth.write(frame);
  trust = { keys: [truth.store.key.verifierKey] };
  whole = await exported(truth);
});
afterAll(async () => {
  process.stdout.write(`the operator's attacks: ${found.length} of ${found.length} as stated, by both verifiers\n`);
  await verifiers.close();
  for (const log of logs) await log.remove();
});

/** The same in another order. */
const TRUTH_OTHERWISE = [0, 2, 1].map((at, i) => ({ ...(TRUTH[at] as (typeof TRUTH)[number]), seq: i + 1 }));

async function logged(...given: Parameters<typeof logOf>): Promise<BundleLog> {
  const log = await logOf(...given);
  logs.push(log);
  return log;
}

const exported = (log: BundleLog): Promise<Buffer> => log.export({}, { since_checkpoint: 11 });

/** Both verifiers say this of it. */
async function expectVerdict(attack: string, tar: Buffer, trusting: Trusting, verdict: string): Promise<void> {
  const { node, python, why } = await verifiers.verify(tar, trusting);
  expect({ attack, node, python }, JSON.stringify(why)).toEqual({ attack, node: verdict, python: verdict });
  found.push(attack);
}

test("a history that was rewritten and signed again is a true log to who has never looked, and TAMPERED to who kept a checkpoint", async () => {
  const rewritten = await logged(TRUTH_OTHERWISE, truth.store);
  const tar = await exported(rewritten);
  await expectVerdict("rewritten, nothing kept", tar, trust, "VERIFIED");
  await expectVerdict("rewritten, checkpoint kept", tar, { ...trust, since: kept }, "TAMPERED");
  expect(await verifiers.verify(whole, { ...trust, since: kept })).toMatchObject({ node: "VERIFIED" });
});

test("a server that shows the log as it was beside the rewritten or older one is found, though it has none at the first asking", async () => {
  const short = await logged(TRUTH.slice(0, 1), truth.store);
  const other = await logged(TRUTH_OTHERWISE, truth.store);
  for (const [name, shown, absences] of [
    ["rewritten", other, 0],
    ["rewritten, absent at first", other, 1],
    ["rewritten, absent when asked again", other, 3],
    ["set back, absent at first", short, 1],
    ["set back, absent when asked again", short, 3],
  ] as const) {
    const server = await startLyingServer(["s0", "s1"], async (path, asked) => {
      if (path === "log/s0/checkpoint" && asked <= absences) return null;
      return await (path.includes("/s1/") ? truth : shown).store.objects.read(path.replace("/s1/", "/s0/"));
    });
    const seen = await verifyTarget(server.url, { trust: { verifierKeys: trust.keys, sinceCheckpoints: [kept] } });
    expect([name, seen.verdict]).not.toEqual([name, "VERIFIED"]);
    server.close();
    found.push(`the log as it was beside it, ${name}`);
  }
});

test("a tail that was cut off, and the rest signed again, is found by the same", async () => {
  const short = await logged(TRUTH.slice(0, 1), truth.store);
  const tar = await short.export();
  await expectVerdict("cut, nothing kept", tar, trust, "VERIFIED");
  await expectVerdict("cut, checkpoint kept", tar, { ...trust, since: kept }, "TAMPERED");
});

test("a run's end that was forged: in the bundle by the entry's hash, in a log signed again by a kept checkpoint", async () => {
  const end = (bytes: Buffer) =>
    Buffer.from(bytes.toString("latin1").replace('"status":"failed"', '"status":"completed"'), "latin1");
  const files = readTar(whole);
  const path =
    files.find(([name, bytes]) => name.startsWith("entries/") && bytes.includes('"status":"failed"'))?.[0] ?? "";
  expect(path).not.toBe("");
  const inEntries = change(files, { [path]: end });
  await expectVerdict("forged end in the entries", writeTar(withFacts(inEntries)), trust, "TAMPERED");
  const withoutProofs = inEntries.filter(([name]) => !name.startsWith("proofs/"));
  await expectVerdict("forged end, proofs left out", writeTar(withFacts(withoutProofs)), trust, "TAMPERED");
  const forged = await logged([TRUTH[0], ended(TRUTH[1] as never, "completed"), TRUTH[2]] as never, truth.store);
  await expectVerdict("forged end, signed again, nothing kept", await exported(forged), trust, "VERIFIED");
  await expectVerdict("forged end, signed again", await exported(forged), { ...trust, since: kept }, "TAMPERED");
});

test("two histories for two auditors: each is true alone; the two checkpoints together, or a witness, tell", async () => {
  const other = await logged(
    [...TRUTH.slice(0, 2), runFrame(9, { run: "z", agent: "other", user: "u9", steps: 2, second: 20 })],
    truth.store,
  );
  const second = await other.export({}, { since_checkpoint: await sizeOf(truth) });
  await expectVerdict("two histories, the second alone", second, trust, "VERIFIED");
  const theirs = { ...trust, since: await truth.checkpoint() };
  await expectVerdict("two histories, checkpoints compared", second, theirs, "TAMPERED");

  const { cosigned, policy } = witnessed(fileOf(readTar(whole), "checkpoint"));
  const withNote = (tar: Buffer, note: Buffer) =>
    writeTar(
      withSums(change(readTar(tar), { checkpoint: () => note }).filter(([name]) => !name.startsWith("proofs/"))),
    );
  await expectVerdict("the witnessed one", withNote(whole, cosigned), { ...trust, policy }, "VERIFIED");
  await expectVerdict("the one that no witness saw", second, { ...trust, policy }, "UNTRUSTED");
  const borrowed = Buffer.concat([fileOf(readTar(second), "checkpoint"), cosignatureOf(cosigned)]);
  await expectVerdict("with the other's cosignature", withNote(second, borrowed), { ...trust, policy }, "TAMPERED");
});

test("a key that was replaced is not the auditor's", async () => {
  const anew = await logged(TRUTH);
  await expectVerdict("replaced key", await exported(anew), trust, "UNTRUSTED");
  await expectVerdict("no key at all", whole, { keys: [] }, "UNTRUSTED");
});

test("payloads swapped between two records, with all that names them, are not the entries'", async () => {
  const files = readTar(whole);
  const path = "payloads/000000000000000.jsonl";
  const lines = linesOf(fileOf(files, path)).map((line) => JSON.parse(line));
  const [a, b] = lines.filter(({ media_type, length }) => media_type === lines[0].media_type && length > 0);
  const swapPlaces = editLines((all) =>
    all.map((line) => {
      const at = JSON.parse(line);
      const other = at.sha256 === a.sha256 ? b : at.sha256 === b.sha256 ? a : at;
      return JSON.stringify({ ...at, length: other.length, offset: other.offset });
    }),
  );
  await expectVerdict("places swapped", writeTar(withSums(change(files, { [path]: swapPlaces }))), trust, "TAMPERED");
  const swapWhole = editLines((all) =>
    all.map((line) => {
      const at = JSON.parse(line);
      const other = at.sha256 === a.sha256 ? b : at.sha256 === b.sha256 ? a : at;
      const { commitment, key_id, payload_key } = other;
      return JSON.stringify({ ...at, commitment, key_id, length: other.length, offset: other.offset, payload_key });
    }),
  );
  await expectVerdict(
    "with commitments and keys",
    writeTar(withSums(change(files, { [path]: swapWhole }))),
    trust,
    "TAMPERED",
  );
});

test("a lost key is not excused by an act that was forged into the bundle, or that names others", async () => {
  const log = await logged(TRUTH);
  await log.erase("u1", 4);
  const tar = await log.export();
  const trusted = { keys: [log.store.key.verifierKey] };
  await expectVerdict("a true erasure", tar, trusted, "VERIFIED");
  const keyring = await openKeyring(log.store.objects, log.store.masterKey);
  const lost = (await readKeyIds(tar)).find((id) => !JSON.stringify(actsOf(tar)).includes(id)) ?? "";
  await keyring?.destroy([lost]);
  const without = await log.export();
  await expectVerdict("a lost key", without, trusted, "INCOMPLETE");
  const files = readTar(without);
  const entries = files.find(([name, bytes]) => name.startsWith("entries/") && bytes.includes('"erasure"'))?.[0] ?? "";
  const act = (bytes: Buffer) =>
    Buffer.from(bytes.toString().replace(/"key_ids":\["[0-9a-f]{32}"/, `"key_ids":["${lost}"`));
  await expectVerdict("the act changed", writeTar(withFacts(change(files, { [entries]: act }))), trusted, "TAMPERED");
  const asExpired = (bytes: Buffer) => Buffer.from(bytes.toString().replace('"action":"erasure"', '"action":"expiry"'));
  await expectVerdict(
    "as an expiry",
    writeTar(withFacts(change(files, { [entries]: asExpired }))),
    trusted,
    "TAMPERED",
  );
  // In the store it is found the same; an act that the operator appends afterwards excuses it, and says so with their name and its late place in the log.
  const seen = await verifyShard(log.store.objects, SHARD, {
    verifierKeys: trusted.keys,
    findKey: keyring?.reader() as never,
  });
  expect(seen.verdict).toBe("INCOMPLETE");
});

const notesOfErasures = async (tar: Buffer, trusting: Trusting): Promise<string[]> => {
  const { node, python, report } = await verifiers.verify(tar, trusting);
  expect([node, python]).toEqual(["VERIFIED", "VERIFIED"]);
  const [said, again] = [report.node, report.python].map((each) =>
    (each as { notes: string[] }).notes.filter((note) => note.startsWith("Contents ")),
  );
  expect(again).toEqual(said);
  return said ?? [];
};

test("an act that is older than the contents it is said to have erased is told, and an expiry before its days", async () => {
  const log = await logged(TRUTH.slice(0, 1));
  const trusted = { keys: [log.store.key.verifierKey] };
  await log.erase("u1", 2, runFrame(3, { run: "later", agent: "support", user: "u1", steps: 4, second: 70 }));
  const [after, ...more] = await notesOfErasures(await log.export(), trusted);
  // The act stands before what it explains, and goes with it, whatever is selected.
  for (const filter of [{ user: "u1" }, { run_id: "later" }, { since: timeAt(65), until: timeAt(90) }])
    await expectVerdict("contents behind their act", await log.export(filter), trusted, "VERIFIED");
  const { entries, act } = { entries: entriesOf(await log.export()), act: '"action":"erasure"' };
  const place = entries.findIndex((line) => line.includes(act));
  const first = entries.findIndex((line, i) => i > place && line.includes('"payloads":{"'));
  expect([place, more]).toEqual([first - 2, []]);
  expect(after).toMatch(
    new RegExp(
      `^Contents came after the act that is said to have erased them: [1-9]\\d*, the first of entry ${first}\\. An erasure`,
    ),
  );
  const plain = await logged(TRUTH.slice(0, 1));
  await plain.erase("u1", 2);
  expect(await notesOfErasures(await plain.export(), { keys: [plain.store.key.verifierKey] })).toEqual([]);

  for (const [days, notes] of [
    [
      30,
      [
        expect.stringMatching(
          /^Contents are said to have expired before they were as old as the act says: \d+, the first of entry 1\. /,
        ),
      ],
    ],
    [undefined, []],
  ] as const) {
    const aged = await logged(TRUTH.slice(0, 1));
    await aged.expire("default", 2, days);
    expect(await notesOfErasures(await aged.export(), { keys: [aged.store.key.verifierKey] })).toEqual(notes);
  }
});

const entriesOf = (tar: Buffer): string[] =>
  readTar(tar).flatMap(([name, bytes]) => (name.startsWith("entries/") ? linesOf(bytes) : []));
const actsOf = (tar: Buffer): unknown[] =>
  readTar(tar).flatMap(([name, bytes]) =>
    name.startsWith("entries/") ? linesOf(bytes).filter((line) => line.includes('"erasure"')) : [],
  );
const readKeyIds = async (tar: Buffer): Promise<string[]> =>
  readTar(tar).flatMap(([name, bytes]) =>
    name.startsWith("payloads/") && name.endsWith(".jsonl")
      ? linesOf(bytes).map((line) => JSON.parse(line).key_id)
      : [],
  );

test("a store put back with what its key remembers is gone on with, and found by a checkpoint that lies elsewhere", async () => {
  const log = await logged(TRUTH.slice(0, 1));
  const before = await snapshotOf(log.store);
  await log.write(TRUTH[1] as never);
  const since = await log.checkpoint();
  await before.putBack();
  const again = await openedAgain(log.store, 2);
  await again.write(TRUTH[2] as never);
  await again.write(runFrame(7, { run: "d", agent: "x", user: "u", steps: 6, second: 40 }));
  const trusted = { keys: [log.store.key.verifierKey] };
  const tar = await again.export({}, { since_checkpoint: 11 });
  await expectVerdict("put back, nothing kept", tar, trusted, "VERIFIED");
  await expectVerdict("put back, checkpoint kept", tar, { ...trusted, since }, "TAMPERED");
});

test("a record that was back-dated stands behind earlier ones and is told of, by both verifiers alike; a clock that was set back looks the same", async () => {
  const later = runFrame(4, { run: "d", agent: "payments", user: "u2", steps: 1, second: 3000 });
  const backDated = runFrame(5, { run: "e", agent: "payments", user: "u1", steps: 2, second: 40 });
  const log = await logged([...TRUTH, later, backDated]);
  const trusted = { keys: [log.store.key.verifierKey] };
  const { node, python, times } = await verifiers.verify(await log.export(), trusted);
  expect([node, python]).toEqual(["VERIFIED", "VERIFIED"]);
  expect(times.node).toEqual([
    "Entries 18 to 21 say to have been received at 2026-01-01T00:00:40Z, and behind entry 17, received at 2026-01-01T00:50:02Z: a clock was set back, a journal came late, or back-dated.",
  ]);
  expect(times.python).toEqual(times.node);
  expect((await verifiers.verify(whole, trust)).times).toEqual({ node: [], python: [] });
  const seen = await verifyTarget(log.store.directory, { trust: { verifierKeys: trusted.keys } });
  expect(seen).toMatchObject({ verdict: "VERIFIED", notes: times.node });
  found.push("back-dated");
});

test("records that say they were received after a witness had cosigned them are told of, by both verifiers alike", async () => {
  const note = fileOf(readTar(whole), "checkpoint");
  const { cosigned, policy } = witnessed(note, Date.UTC(2025, 11, 31, 23) / 1000);
  const files = change(readTar(whole), { checkpoint: () => cosigned }).filter(([name]) => !name.startsWith("proofs/"));
  const { node, python, times } = await verifiers.verify(writeTar(withSums(files)), { ...trust, policy });
  expect([node, python]).toEqual(["VERIFIED", "VERIFIED"]);
  expect(times.node).toEqual([
    "Entries 0 to 14 say to have been received at 2026-01-01T00:00:23Z, and stood in the log by 2025-12-31T23:00:00Z as its head of 15 entries attests (cosigned by w0): the collector's clock was ahead, or the time is made up.",
  ]);
  expect(times.python).toEqual(times.node);
  found.push("received after it was cosigned");
  // Nor is it hidden, or made up, by a witness that the quorum does without.
  const [before, after] = [Date.UTC(2025, 11, 31, 23) / 1000, 1_800_000_000];
  for (const [quorum, honest, notes] of [
    ["quorum w0", [before], 1],
    ["quorum w0", [after], 0],
    ["group g 2 w0 w1 w2\nquorum g", [before, before], 1],
    ["group g 2 w0 w1 w2\nquorum g", [after, after], 0],
  ] as const) {
    for (const lie of [1, 4_000_000_000]) {
      const { cosigned, policy } = witnessedBy(note, [...honest, lie], quorum);
      const files = change(readTar(whole), { checkpoint: () => cosigned }).filter(
        ([name]) => !name.startsWith("proofs/"),
      );
      const seen = await verifiers.verify(writeTar(withSums(files)), { ...trust, policy });
      expect([seen.node, seen.python]).toEqual(["VERIFIED", "VERIFIED"]);
      expect([quorum, lie, seen.times.node.length]).toEqual([quorum, lie, notes]);
      expect(seen.times.python).toEqual(seen.times.node);
    }
  }
});

test("an entry that is withheld, from the whole, a time or a run, is missed", async () => {
  const withheld = async (filter: Record<string, string>, index: number): Promise<Buffer> => {
    const files = readTar(await truth.export(filter, { content: false }));
    const without = editLines((lines) => lines.filter((line) => JSON.parse(line)[0] !== index));
    const edits = Object.fromEntries(
      files.filter(([name]) => /^entries\//.test(name)).map(([name]) => [name, without]),
    );
    const { range } = JSON.parse(fileOf(files, "bundle.json").toString());
    const proof = `proofs/${String(index).padStart(15, "0")}.tlog-proof`;
    return writeTar(
      withFacts(
        change(files, edits).filter(([name]) => name !== proof),
        range ?? undefined,
      ),
    );
  };
  await expectVerdict("withheld from the whole", await withheld({}, 7), trust, "TAMPERED");
  await expectVerdict("withheld from a run", await withheld({ user: "u2" }, 7), trust, "INCOMPLETE");
  await expectVerdict(
    "withheld from a time",
    await withheld({ since: timeAt(9), until: timeAt(17) }, 7),
    trust,
    "INCOMPLETE",
  );
});

test("a time that only looks like the one that was asked for cuts nothing short", async () => {
  const [since, until] = [timeAt(9), timeAt(17)];
  const files = readTar(await truth.export({ since, until }, { content: false }));
  const asking = (other: string): Buffer => {
    const edit = (bytes: Buffer) => Buffer.from(bytes.toString().replace(`"since":"${since}"`, `"since":"${other}"`));
    return writeTar(withSums(change(files, { "bundle.json": edit })));
  };
  for (const other of [
    `\u200b${since}`,
    since.replaceAll("-", "\u2011"),
    since.replace("01-01", "02-30"),
    since.slice(0, -4),
  ])
    await expectVerdict("an invisible character in a time", asking(other), trust, "TAMPERED");
  const { report } = await verifiers.verify(asking(since), trust);
  const note = `Said to be asked for: since "${since}", until "${until}".`;
  expect([report.node, report.python]).toMatchObject(Array(2).fill({ notes: expect.arrayContaining([note]) }));
});

test("what nothing finds is a record that was false when it was made, or back-dated by seconds: it stands where it was appended", async () => {
  const log = await logged([...TRUTH, runFrame(8, { run: "old", agent: "payments", user: "u1", steps: 1, second: 2 })]);
  await expectVerdict("back-dated by seconds", await log.export(), { keys: [log.store.key.verifierKey] }, "VERIFIED");
});

async function sizeOf(log: BundleLog): Promise<number> {
  return Number((await log.checkpoint()).toString().split("\n")[1]);
}

function witnessed(note: Buffer, seconds = 1_800_000_000): { cosigned: Buffer; policy: string } {
  return witnessedBy(note, [seconds], "group g any w0\nquorum g");
}

/** By w0, w1, …, each of which says another time. */
function witnessedBy(note: Buffer, seconds: readonly number[], quorum: string): { cosigned: Buffer; policy: string } {
  const text = `${note.toString().split("\n\n")[0]}\n`;
  const witnesses = seconds.map((time, i) => {
    const { privateKey } = generateKeyPairSync("ed25519");
    const name = `witness.example/w${i}`;
    const line = `witness w${i} ${formatVerifierKey(name, privateKey, 4)}\n`;
    return { line, signer: createCosigner(name, privateKey, () => time) };
  });
  const signed = Buffer.from(
    signNote(
      text,
      witnesses.map(({ signer }) => signer),
    ),
  );
  const lines = witnesses.map(({ line }) => line).join("");
  const policy = `log ${truth.store.key.verifierKey}\n${lines}${quorum}\n`;
  return { cosigned: Buffer.concat([note, signed.subarray(text.length + 1)]), policy };
}

const cosignatureOf = (note: Buffer): Buffer => Buffer.from(`${note.toString().trimEnd().split("\n").at(-1)}\n`);
