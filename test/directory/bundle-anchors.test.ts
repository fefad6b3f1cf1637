import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTimestampClient, createTimestamping, createWitnessing } from "@runledger/collector";
import {
  canonicalJson,
  consistencyProof,
  createTileTree,
  DIRECTORY,
  type DirectoryEntry,
  MAX_ANCHORS_BYTES,
  parsePolicy,
  signCheckpoint,
  signNote,
  unverifiedCheckpoint,
} from "@runledger/contract";
import { exportOffline } from "@runledger/query-api";
import { loadOrCreateSigningKey } from "@runledger/storage";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type BothVerifiers, startBothVerifiers } from "../tamper/both-verifiers.ts";
import { change, fileOf, readTar, type TarFiles, withSums, writeTar } from "../tamper/bundle-tar.ts";
import { stampQuery, startAuthority } from "./fake-authority.ts";
import { type FakeWitness, startFakeWitness } from "./fake-witness.ts";
import { createSampleDirectory, type SampleDirectory } from "./sample-directory.ts";
import { createHeadSigner, type SignedHead } from "./signed-heads.ts";

/** When the sample directory records. */
const RECORDED_MS = Date.UTC(2026, 0, 1);
let sample: SampleDirectory;
let witness: FakeWitness;
let verifiers: BothVerifiers;
let policy: string;
let keys: string[];
let tsaDir: string;
let authority: Awaited<ReturnType<typeof startAuthority>>;
let bundle: Buffer;

beforeAll(async () => {
  verifiers = await startBothVerifiers();
  sample = await createSampleDirectory(["a", "b", "c"]);
  keys = sample.keys;
  witness = await startFakeWitness("w.example", [sample.key.verifierKey]);
  policy = `witness w ${witness.verifierKey} ${witness.url}\nquorum w\n`;
  tsaDir = mkdtempSync(join(tmpdir(), "runledger-tsa-"));
  authority = await startAuthority(tsaDir, "tsa", ["-newkey", "rsa:2048"]);
  await sample.grow("a", 5);
  await sample.grow("b", 3);
  await sample.record();
  const client = createTimestampClient(authority.url);
  const settings = { log: DIRECTORY, intervalMs: 1, now: () => 0 };
  expect(await createTimestamping(sample.objects, client, settings).round()).toEqual([]);
  await sample.grow("a", 300);
  await sample.record();
  expect(await cosign()).toEqual([]);
  // The newest, which the directory does not know yet.
  await sample.grow("a", 7);
  bundle = await exported(RECORDED_MS + 60_000);
}, 120_000);
afterAll(async () => {
  await verifiers.close();
  await witness.close();
  authority.server.close();
  rmSync(tsaDir, { recursive: true });
  await rm(sample.directory, { recursive: true });
});

function cosign(): Promise<string[]> {
  const settings = { log: DIRECTORY, verifierKey: sample.key.verifierKey, policy: parsePolicy(policy) };
  return createWitnessing(sample.objects, settings).round();
}

/** Of the last export. */
let laterEntries = 0;
const exported = (...asked: ExportAsked): Promise<Buffer> => exportOf(sample, ...asked);

type ExportAsked = [
  nowMs: number,
  filter?: Record<string, string>,
  shard?: string | null,
  more?: { since_checkpoints?: { origin: string; size: number }[] },
];
async function exportOf(
  { objects, directory }: SampleDirectory,
  ...[nowMs, filter = {}, shard = "a", more = {}]: ExportAsked
): Promise<Buffer> {
  const target = join(directory, "bundle.tar");
  const asked = { filter, recipient: "the auditor", reason: "test", content: false };
  const where = { ...(shard === null ? {} : { shard }), tenant: "default", exporter: "tester", nowMs };
  const request = { ...asked, ...where, ...more };
  ({ laterEntries } = await exportOffline(objects, undefined, request, target, () => undefined));
  const bytes = await readFile(target);
  await rm(target);
  return bytes;
}

async function both(
  tar: Buffer,
  trust: { keys?: string[]; policy?: string; tsaCert?: string; shard?: string; since?: Buffer } = {},
) {
  const seen = await verifiers.verify(tar, { keys, policy, shard: "a", ...trust });
  expect(seen.python, JSON.stringify(seen.why)).toBe(seen.node);
  return seen;
}
const verdictOf = async (...given: Parameters<typeof both>): Promise<string> => (await both(...given)).node;
const anchored = (files: TarFiles, edit: (text: string) => string): Buffer =>
  writeTar(withSums(change(files, { "anchors.json": (bytes) => Buffer.from(edit(bytes.toString())) })));

test("a bundle is of what witnesses have cosigned by way of the directory, and is VERIFIED under their quorum", async () => {
  const seen = await both(bundle, { tsaCert: authority.cert });
  expect(seen.node, JSON.stringify(seen.why)).toBe("VERIFIED");
  for (const anchors of [seen.anchors.node, seen.anchors.python]) {
    expect(anchors).toMatchObject({
      witnessed: { size: 305, by: ["w"] },
      stamped: { size: 5 },
      shards: [
        { shard: "a", size: 305 },
        { shard: "b", size: 3 },
      ],
    });
  }
  // The samples say that they were received long before the stamp, which was made before most of them came.
  expect(seen.times.node[0]).toMatch(
    /^Entries 5 to 304 say to have been received at 2026-01-01T00:00:00Z, and came after/,
  );
  expect(seen.times.node.join()).toContain("as its head of 5 entries attests (time stamp)");
  expect(seen.times.python).toEqual(seen.times.node);
  expect(await verdictOf(bundle, { policy: "quorum none\n" })).toBe("VERIFIED");
  const shardOnly = keys.filter((key) => !key.includes("/directory+"));
  expect(await verdictOf(bundle, { keys: shardOnly, policy: "quorum none\n" })).toBe("VERIFIED");
  expect(await verdictOf(bundle, { keys: shardOnly })).toBe("UNTRUSTED");
  expect(await verdictOf(bundle, { keys: [] })).toBe("UNTRUSTED");
});

test("a bundle of all logs is covered log by log, each as far as the cosigned head has it", async () => {
  const all = await exported(RECORDED_MS + 60_000, {}, null);
  const seen = await verifiers.verify(all, { keys, policy, tsaCert: authority.cert });
  expect([seen.node, seen.python], JSON.stringify(seen.why)).toEqual(["VERIFIED", "VERIFIED"]);
  const by = ["w"];
  for (const anchors of [seen.anchors.node, seen.anchors.python]) {
    expect(anchors).toMatchObject({
      witnessed: null,
      shards: [{ shard: "a" }, { shard: "b" }],
      logs: [
        { shard: "a", treeSize: 305, witnessed: { size: 305, by }, stamped: { size: 5 } },
        { shard: "b", treeSize: 3, witnessed: { size: 3, by }, stamped: { size: 3 } },
      ],
    });
  }
  const late = await verifiers.verify(await exported(RECORDED_MS + 3_600_000, {}, null), { keys, policy });
  expect([late.node, late.python]).toEqual(["INCOMPLETE", "INCOMPLETE"]);
  expect(JSON.stringify(late.why)).toContain("a: entries 305 to 311");
  const files = readTar(all);
  for (const edit of [
    (text: string) => text.replace('"shard":"a"},{"con', '"shard":"b"},{"con'),
    (text: string) => text.replace(/"logs":\[/, '"consistency":[],"logs":['),
    (text: string) => text.replace(/"logs":\[.*?\}\]/, '"logs":[]'),
    (text: string) => text.replace(/"recorded":\[.*?\},/, '"recorded":['),
  ]) {
    const changed = await verifiers.verify(anchored(files, edit), { keys, policy });
    expect([changed.node, changed.python], JSON.stringify(changed.why)).toEqual(["TAMPERED", "TAMPERED"]);
  }
});

test("a time stamp that the caller asks for and that is not here is noted", async () => {
  const note = expect.stringContaining("No time stamp of the authority that you named covers them.");
  const stamped = await both(bundle, { tsaCert: authority.cert });
  const files = readTar(bundle);
  const { heads } = JSON.parse(fileOf(files, "anchors.json").toString());
  expect(heads.filter(({ timestamp }: { timestamp: unknown }) => timestamp !== null)).toHaveLength(1);
  const removed = anchored(files, (text) => text.replace(/"timestamp":"[^"]*"/, '"timestamp":null'));
  const seen = await both(removed, { tsaCert: authority.cert });
  const unasked = await both(removed);
  for (const verifier of ["node", "python"] as const) {
    expect(seen.report[verifier]).toMatchObject({ verdict: "VERIFIED", notes: expect.arrayContaining([note]) });
    for (const other of [stamped, unasked])
      expect(other.report[verifier]).toMatchObject({ notes: expect.not.arrayContaining([note]) });
  }
});

test("the time of a stamp is the authority's, whatever the status around it says; a text of SHA-1 can have a twin", async () => {
  const files = readTar(bundle);
  const { heads } = JSON.parse(fileOf(files, "anchors.json").toString());
  const { checkpoint, timestamp } = heads.find((head: { timestamp: unknown }) => head.timestamp !== null);
  const stampedBy = (token: Buffer): Buffer =>
    anchored(files, (text) => text.replace(timestamp, token.toString("base64")));
  const genuine = Buffer.from(timestamp, "base64");
  // PKIStatusInfo, which nobody signs, with a free text (RFC 3161, 2.4.2).
  const words = der(0x0c, Buffer.from("fine\nTime stamp: Jan  2 00:00:00 2026 GMT\n"));
  const status = der(0x30, Buffer.from("020100", "hex"), der(0x30, words));
  const plainStatus = Buffer.from("3003020100", "hex");
  const at = genuine.indexOf(plainStatus);
  expect(at).toBe(4);
  const forged = der(0x30, status, genuine.subarray(at + plainStatus.length));
  const [told, asked] = [
    await both(bundle, { tsaCert: authority.cert }),
    await both(stampedBy(forged), { tsaCert: authority.cert }),
  ];
  expect(asked.node).toBe("VERIFIED");
  expect(asked.anchors).toEqual(told.anchors);
  const { stamped } = (told.anchors.node as { logs: { stamped: object }[] }).logs[0] ?? {};
  expect(told.anchors.python).toMatchObject({ logs: [{ stamped }] });
  const query = stampQuery(Buffer.from(checkpoint), { digest: "sha1" });
  const weak = stampedBy(authority.reply(query, { digests: "sha256,sha1" }));
  expect(await verdictOf(weak, { tsaCert: authority.cert })).toBe("TAMPERED");
});

function der(tag: number, ...content: Buffer[]): Buffer {
  const bytes = Buffer.concat(content);
  const { length } = bytes;
  const size = length < 128 ? [length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...size), bytes]);
}

test("an earlier checkpoint of the directory is of a log that no bundle holds: INCOMPLETE, not tampered with", async () => {
  const since = Buffer.from((await sample.objects.read(`log/${DIRECTORY}/checkpoint`)) ?? []);
  for (const tar of [bundle, await exported(RECORDED_MS + 60_000, {}, null)]) {
    const seen = await verifiers.verify(tar, { keys, policy, since });
    expect([seen.node, seen.python], JSON.stringify(seen.why)).toEqual(["INCOMPLETE", "INCOMPLETE"]);
    expect(JSON.stringify(seen.why).match(/a log that is not here/g)).toHaveLength(2);
  }
  // The newest head is in the bundle: one of as many entries that the same key signed shows two histories.
  const [origin, size] = since.toString().split("\n");
  const other = Buffer.from(
    signNote(`${origin}\n${size}\n${Buffer.alloc(32).toString("base64")}\n`, [sample.key.signer]),
  );
  const seen = await both(bundle, { since: other });
  expect(seen.node, JSON.stringify(seen.why)).toBe("TAMPERED");
  expect(JSON.stringify(seen.why).match(/two histories/g)).toHaveLength(2);
});

test("without its anchors, or with those of others, it is not", async () => {
  const files = readTar(bundle);
  const without = files.filter(([path]) => path !== "anchors.json");
  expect(await verdictOf(writeTar(withSums(without)))).toBe("UNTRUSTED");
  expect(await verdictOf(writeTar(withSums(without)), { policy: "quorum none\n" })).toBe("VERIFIED");
  const stranger = await startFakeWitness("x.example", []);
  await stranger.close();
  expect(await verdictOf(bundle, { policy: `witness x ${stranger.verifierKey}\nquorum x\n` })).toBe("UNTRUSTED");
  const other = await startAuthority(tsaDir, "other", ["-newkey", "rsa:2048"]);
  other.server.close();
  expect(await verdictOf(bundle, { tsaCert: other.cert })).toBe("TAMPERED");
  const after = join(tsaDir, "after.pem"); // of several the first counts
  const none = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n";
  const text = readFileSync(authority.cert, "utf8");
  for (const [before, verdict] of [
    [none, "UNREADABLE"],
    [text, await verdictOf(bundle, { tsaCert: authority.cert })],
  ] as const) {
    writeFileSync(after, before + text);
    expect(await verdictOf(bundle, { tsaCert: after })).toBe(verdict);
  }
  const moved = anchored(files, (text) => text.replace(/"index":0,/, '"index":1,'));
  expect(await verdictOf(moved)).toBe("TAMPERED");
});

test("entries that came after what was cosigned are named, once they should have been", async () => {
  // Witnesses have been away for an hour: newer entries do not wait for them any longer.
  const late = await exported(RECORDED_MS + 3_600_000);
  const seen = await both(late);
  expect(seen.node).toBe("INCOMPLETE");
  expect(JSON.stringify(seen.why)).toContain("entries 305 to 311");
  expect(await verdictOf(late, { policy: "quorum none\n" })).toBe("VERIFIED");
});

/** Bundles of a log of five entries, its first three, and another of five, as they stand or as they stood; in anchors.json whatever who holds the directory's key signs. */
async function createStage() {
  const logs = await createSampleDirectory(["a", "b"]);
  const signing = await createHeadSigner(logs);
  const noteOf = async (shard: string): Promise<string> =>
    Buffer.from((await logs.objects.read(`log/${shard}/checkpoint`)) ?? []).toString();
  const filesOf = async (shard: string | null, filter = {}): Promise<TarFiles> =>
    readTar(await exportOf(logs, RECORDED_MS, filter, shard));
  await logs.grow("a", 3, "2026-01-01T00:00:00.000000000Z");
  await logs.grow("b", 5, "2026-01-01T00:00:00.000000000Z");
  const [a3, b5] = [await noteOf("a"), await noteOf("b")];
  const early = { alone: await filesOf("a"), both: await filesOf(null) };
  await logs.grow("a", 2, "2026-01-01T00:01:00.000000000Z");
  const a5 = await noteOf("a");
  const ofRun = await filesOf(null, { run_id: "run-1" });
  const late = { alone: await filesOf("a"), both: await filesOf(null), ofRun };
  const proof = (await consistencyProof((path) => logs.objects.read(`log/a/${path}`), 3, 5)).map((hash) =>
    Buffer.from(hash).toString("base64"),
  );
  const withHeads = (files: TarFiles, heads: readonly SignedHead[]): Buffer => {
    const last = files.findLastIndex(([path]) => path.endsWith("checkpoint"));
    const sizes = new Map(
      files.flatMap(([path, note]): [string, number][] => {
        if (!path.endsWith("checkpoint")) return [];
        const { origin, size } = unverifiedCheckpoint(note);
        return [[origin.slice(origin.lastIndexOf("/") + 1), size]];
      }),
    );
    const proven = heads.map((head) => {
      const proofs = head.recorded.flatMap(({ entry }) => {
        const { shard, checkpoint } = JSON.parse(entry);
        if (!sizes.has(shard)) return [];
        const isSame = unverifiedCheckpoint(Buffer.from(checkpoint)).size === sizes.get(shard);
        return [{ consistency: isSame ? [] : proof, shard }];
      });
      return { ...head, ...(sizes.size === 1 ? { consistency: proofs[0]?.consistency ?? [] } : { logs: proofs }) };
    });
    const anchors = Buffer.from(`${canonicalJson({ heads: proven })}\n`);
    return writeTar(withSums([...files.slice(0, last + 1), ["anchors.json", anchors], ...files.slice(last + 1)]));
  };
  return { ...signing, logs, keys: logs.keys, a3, a5, b5, early, late, withHeads };
}

test("under a quorum only what witnesses cosigned says which logs there are and how far; no other head that the directory's key signed helps to hide one or to set it back", async () => {
  const stage = await createStage();
  const { entry, head, a3, a5, b5, early, late, withHeads, policy } = stage;
  const one = entry("a", a5, { a: 5 });
  const two = [one, entry("b", b5, { a: 5, b: 5 })];
  const grown = [entry("a", a3, { a: 3 }), entry("b", b5, { a: 3, b: 5 }), entry("a", a5, { a: 5, b: 5 })];
  const cosigned = true;
  const stranger = "runledger.local/other/directory";
  const other = await loadOrCreateSigningKey(join(stage.logs.directory, "other.key"), stranger);
  const stamped = (signed: SignedHead): SignedHead => {
    const query = stampQuery(Buffer.from(signed.checkpoint), { digest: "sha256" });
    return { ...signed, timestamp: authority.reply(query).toString("base64") };
  };
  const own = (files: TarFiles): TarFiles => {
    const text = (note: Buffer): string => note.toString().split("\n\n")[0] ?? "";
    const line = (note: Buffer): string =>
      Buffer.from(signNote(`${text(note)}\n`, [stage.cosigner]))
        .toString()
        .split("\n\n")[1] ?? "";
    return change(files, { checkpoint: (note) => Buffer.from(`${note}${line(note)}`) }).filter(
      ([path]) => !path.startsWith("proofs/"),
    );
  };
  const unnamed = { shards: undefined, heads_sha256: undefined };
  const bare = (checkpoint: string, shard = "a", shards: string[] | undefined = undefined): DirectoryEntry =>
    entry(shard, checkpoint, {}, { ...unnamed, shards });
  const cases: [string, TarFiles, SignedHead[], under: string, without: string][] = [
    ["the cosigned head", late.both, [head(two, { cosigned })], "VERIFIED", "VERIFIED"],
    ["and a later one", late.both, [head(two, { cosigned }), head([...two, one])], "TAMPERED", "TAMPERED"],
    [
      "and a later one that tells of both",
      late.both,
      [head(two, { cosigned }), head([...two, entry("a", a5, { a: 5, b: 5 })], { shown: [1, 2] })],
      "VERIFIED",
      "VERIFIED",
    ],
    [
      "a later one, of entries that are not asked for",
      late.ofRun,
      [head(grown.slice(0, 2), { cosigned }), head(grown, { shown: [1, 2] })],
      "VERIFIED",
      "VERIFIED",
    ],
    ["a later one alone is its own word", late.both, [head(two)], "UNTRUSTED", "VERIFIED"],
    [
      "one that names a log and does not show how far it was recorded",
      late.both,
      [head([bare(a5), bare(b5, "b", ["a", "b"])], { cosigned, shown: [1] })],
      "UNTRUSTED",
      "INCOMPLETE",
    ],
    // A log is left out.
    ["hidden: the cosigned head", late.alone, [head(two, { cosigned })], "INCOMPLETE", "INCOMPLETE"],
    [
      "hidden: what it names not shown, and a longer forged one",
      late.alone,
      [head(two, { cosigned, shown: [0] }), head([one, one, one], { shown: [2] })],
      "INCOMPLETE",
      "VERIFIED",
    ],
    [
      "hidden: what it names shown",
      late.alone,
      [head(two, { cosigned }), head([one, one, one], { shown: [2] })],
      "TAMPERED",
      "TAMPERED",
    ],
    [
      "hidden: the forged one is stamped",
      late.alone,
      [head(two, { cosigned, shown: [0] }), stamped(head([one, one, one], { shown: [2] }))],
      "INCOMPLETE",
      "VERIFIED",
    ],
    [
      "hidden: the log's own head is cosigned, the forged one not",
      own(late.alone),
      [head([one])],
      "INCOMPLETE",
      "VERIFIED",
    ],
    ["hidden: without the cosigned head", late.alone, [head([one])], "UNTRUSTED", "VERIFIED"],
    [
      "hidden: the last entry, cosigned, names no log",
      late.alone,
      [head([...two, entry("a", a5, {}, unnamed)], { cosigned, shown: [2] })],
      "INCOMPLETE",
      "INCOMPLETE",
    ],
    [
      "hidden: a forged one forgets it",
      late.alone,
      [
        head([one], { cosigned }),
        head([one, two[1] as never, one], { shown: [2] }),
        head([one, two[1] as never], { shown: [0, 1] }),
      ],
      "TAMPERED",
      "TAMPERED",
    ],
    [
      "hidden: it is in a forged one alone",
      late.alone,
      [head([one], { cosigned }), head([one, one, two[1] as never], { shown: [1, 2] })],
      "INCOMPLETE",
      "INCOMPLETE",
    ],
    [
      "hidden: by another directory, whose key the auditor has too",
      late.alone,
      [head(two, { cosigned, shown: [0] }), head([one], { cosigned, signer: other.signer, origin: stranger })],
      "TAMPERED",
      "TAMPERED",
    ],
    // A log is set back.
    ["set back: the cosigned head", early.alone, [head([one], { cosigned })], "INCOMPLETE", "INCOMPLETE"],
    [
      "set back: and a longer forged one",
      early.alone,
      [head([one], { cosigned }), head([entry("a", a3, { a: 3 }), entry("a", a3, { a: 3 })], { shown: [1] })],
      "TAMPERED",
      "TAMPERED",
    ],
    [
      "set back: a longer forged one that shows its first entry",
      early.alone,
      [head([one], { cosigned }), head([entry("a", a3, { a: 3 }), one, one], { shown: [0] })],
      "TAMPERED",
      "TAMPERED",
    ],
    [
      "set back: of an old cosigned head, a later forged one tells more",
      early.alone,
      [head([entry("a", a3, { a: 3 })], { cosigned }), head([entry("a", a3, { a: 3 }), one], { shown: [1] })],
      "INCOMPLETE",
      "INCOMPLETE",
    ],
    [
      "set back: a longer forged one commits to less",
      early.both,
      [
        head(grown, { cosigned, shown: [1, 2] }),
        head([...grown.slice(0, 2), one, entry("b", b5, { a: 3, b: 5 })], { shown: [0, 3] }),
      ],
      "TAMPERED",
      "TAMPERED",
    ],
    [
      "begun anew: another, which is not here",
      late.alone,
      [
        head([one, entry("c", a3, { a: 5, c: 3 })]),
        head([one, entry("c", a3, { a: 5, c: 3 }), entry("c", b5, { a: 5, c: 5 })], { shown: [0, 2] }),
      ],
      "TAMPERED",
      "TAMPERED",
    ],
    [
      "set back: by entries that commit to nothing",
      early.alone,
      [head([bare(a5)], { cosigned }), head([bare(a3), bare(a3)], { shown: [1] })],
      "TAMPERED",
      "TAMPERED",
    ],
    [
      "forgotten: shown in a head, not named in a later one",
      late.alone,
      [head([bare(a5), bare(b5, "c")]), head([bare(a5), bare(a5), bare(a5, "a", ["a"])], { shown: [2] })],
      "TAMPERED",
      "TAMPERED",
    ],
    [
      "forgotten: named in a head, not in a later one",
      late.alone,
      [
        head([bare(b5, "c"), bare(a5, "a", ["a", "c"])], { shown: [1] }),
        head([bare(a5), bare(a5), bare(a5, "a", ["a"])], { shown: [2] }),
      ],
      "TAMPERED",
      "TAMPERED",
    ],
    [
      "two entries in one place",
      late.alone,
      [head([one], { cosigned }), head([{ ...one, recorded_time: "2026-01-01T00:00:01.000Z" }, one], { shown: [0] })],
      "TAMPERED",
      "TAMPERED",
    ],
    [
      "other root of a size",
      early.alone,
      [head([one], { cosigned }), head([entry("a", a3, { a: 3 })])],
      "TAMPERED",
      "TAMPERED",
    ],
  ];
  const missed: unknown[] = [];
  for (const [name, files, heads, under, without] of cases)
    for (const [inOrder, asked, expected] of [
      [heads, policy, under],
      [heads.toReversed(), policy, under],
      [heads, "quorum none\n", without],
    ] as const) {
      const trust = { keys: [...stage.keys, other.verifierKey], policy: asked, tsaCert: authority.cert };
      const { node, python, why } = await verifiers.verify(withHeads(files, inOrder), trust);
      if (node !== expected || python !== expected) missed.push({ name, asked, expected, node, python, why });
    }
  expect(missed).toEqual([]);
  await rm(stage.logs.directory, { recursive: true });
}, 300_000);

test("every byte of the anchors is found when it is changed, also where the sums are made to fit", async () => {
  const small = await exported(RECORDED_MS + 60_000, { run_id: "run-1" });
  expect(await verdictOf(small)).toBe("VERIFIED");
  const files = readTar(small);
  const bytes = fileOf(files, "anchors.json");
  const [first] = JSON.parse(bytes.toString()).heads as { timestamp: string | null }[];
  expect(first?.timestamp).toBeNull();
  // The second head ends with the stamp, of which without the authority's certificate only the sum is checked.
  const missed: unknown[] = [];
  let total = 0;
  const token = bytes.indexOf('"timestamp":"');
  for (let at = 0; at < bytes.length; at += at > token ? 211 : 29) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] as number) ^ 1;
    const altered = change(files, { "anchors.json": () => changed });
    for (const [name, tar] of [
      ["as it is", writeTar(altered)],
      ["sums anew", writeTar(withSums(altered))],
    ] as const) {
      if (name === "sums anew" && at > token) continue;
      const seen = await verifiers.verify(tar, { keys, policy, shard: "a" });
      total++;
      if (seen.node === "VERIFIED" || seen.node !== seen.python) missed.push({ name, at, ...seen });
    }
  }
  process.stdout.write(`changed bytes of anchors.json: ${total - missed.length} of ${total} found, by both alike\n`);
  expect(missed.slice(0, 3)).toEqual([]);
}, 300_000);

test("a log that was begun since the witnesses' last round waits for the next, and holds up no other", async () => {
  await sample.record();
  expect(await cosign()).toEqual([]);
  await sample.grow("c", 2, "2026-01-01T00:00:30.000000000Z");
  const all = await exported(RECORDED_MS + 60_000, {}, null);
  expect(laterEntries).toBe(2);
  const seen = await verifiers.verify(all, { keys, policy });
  expect([seen.node, seen.python], JSON.stringify(seen.why)).toEqual(["VERIFIED", "VERIFIED"]);
  expect(JSON.parse(fileOf(readTar(all), "bundle.json").toString()).logs).toMatchObject([
    { shard: "a" },
    { shard: "b" },
  ]);
  expect(
    fileOf(readTar(await exported(RECORDED_MS + 60_000, {}, "c")), "entries/000000000000000.jsonl").toString(),
  ).toContain("[1,{");
  // It should have been recorded since: nothing waits for it any longer, and it is not left out.
  const later = await exported(RECORDED_MS + 20 * 60_000, {}, null);
  expect(JSON.parse(fileOf(readTar(later), "bundle.json").toString()).logs).toMatchObject([
    { shard: "a" },
    { shard: "b" },
    { shard: "c" },
  ]);
});

test("a log that catches up on what came long ago is exported as witnesses have seen it; one that was set back as it stands", async () => {
  expect([await sample.record(), await cosign()]).toEqual([[], []]);
  await sample.grow("c", 3, "2025-06-01T00:00:00.000000000Z");
  expect(await sample.record()).toEqual([]); // the directory's newest head is not cosigned yet
  const caughtUp = await verifiers.verify(await exported(RECORDED_MS + 60_000, {}, null), { keys, policy });
  expect([laterEntries, caughtUp.node, caughtUp.python]).toEqual([3, "VERIFIED", "VERIFIED"]);
  const note = await sample.objects.read("log/c/checkpoints/000000000000002");
  const newest = await sample.objects.read("log/c/checkpoint");
  expect([await sample.record(), await cosign()]).toEqual([[], []]);
  await sample.objects.replace("log/c/checkpoint", note ?? Buffer.of());
  const setBack = await verifiers.verify(await exported(RECORDED_MS + 60_000, {}, null), { keys, policy });
  expect([laterEntries, setBack.node, setBack.python]).toEqual([0, "INCOMPLETE", "INCOMPLETE"]);
  expect(JSON.stringify(setBack.why)).toContain("recorded it with 5 entries, and the bundle is of its first 2");
  await sample.objects.replace("log/c/checkpoint", newest ?? Buffer.of());
});

test("what is recorded after a quiet hour waits for the witnesses' next round; an earlier checkpoint of it is refused until then", async () => {
  expect([await sample.record(), await cosign()]).toEqual([[], []]);
  const later = RECORDED_MS + 3_600_000;
  await sample.grow("b", 1, new Date(later).toISOString().replace("Z", "000000Z"));
  const all = await exported(later + 5_000, {}, null);
  const seen = await verifiers.verify(all, { keys, policy });
  expect([seen.node, seen.python], JSON.stringify(seen.why)).toEqual(["VERIFIED", "VERIFIED"]);
  const since_checkpoints = [{ origin: "runledger.local/sample/b", size: 4 }];
  for (const shard of [null, "b"])
    await expect(exported(later + 5_000, {}, shard, { since_checkpoints })).rejects.toThrow(
      "the witnesses have not seen the 4 entries of shard b",
    );
  const late = await exported(later + 16 * 60_000, {}, null, { since_checkpoints });
  expect((await verifiers.verify(late, { keys, policy })).node).toBe("INCOMPLETE");
  // What says to come from an hour ahead is not young, and waits for nothing.
  expect([await sample.record(), await cosign()]).toEqual([[], []]);
  await sample.grow("b", 1, new Date(later + 3_600_000).toISOString().replace("Z", "000000Z"));
  const ahead = await exported(later, {}, null);
  expect([laterEntries, (await verifiers.verify(ahead, { keys, policy })).node]).toEqual([0, "INCOMPLETE"]);
});

test("what the directory says of many logs may take more than other files, up to its own limit", async () => {
  const signatures = Array.from({ length: 90 }, (_, i) => `— w${i}.example ${randomBytes(76).toString("base64")}\n`);
  for (let i = 0; i < 100; i++) {
    const { signer } = await loadOrCreateSigningKey(join(sample.directory, "many.key"), `many.example/many-${i}`);
    const note = signCheckpoint(0, createTileTree().root(), signer);
    await sample.objects.replace(`log/many-${i}/checkpoint`, Buffer.from(`${Buffer.from(note)}${signatures.join("")}`));
  }
  expect(await sample.record()).toEqual([]);
  expect(await cosign()).toEqual([]);
  const large = readTar(await exported(RECORDED_MS + 60_000));
  const { length } = fileOf(large, "anchors.json");
  expect(length).toBeGreaterThan(1024 * 1024);
  expect(await verdictOf(writeTar(large))).toBe("VERIFIED");
  const padded = (bytes: number): Buffer => anchored(large, (text) => text + " ".repeat(bytes - length));
  for (const [bytes, isLarger] of [
    [MAX_ANCHORS_BYTES, false],
    [MAX_ANCHORS_BYTES + 1, true],
  ] as const) {
    const { node, report } = await both(padded(bytes));
    expect(node).toBe("TAMPERED");
    for (const each of [report.node, report.python])
      expect([bytes, JSON.stringify(each).includes("larger than any such file")]).toEqual([bytes, isLarger]);
  }
});
