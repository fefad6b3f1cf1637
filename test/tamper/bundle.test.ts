import { createHash, generateKeyPairSync, randomBytes } from "node:crypto";
import {
  createCosigner,
  createNoteSigner,
  createTileTree,
  formatVerifierKey,
  leafHash,
  openCheckpoint,
  parseVerifierKey,
  signCheckpoint,
  signNote,
  tarHeader,
} from "@runledger/contract";
import { afterAll, beforeAll, expect, test } from "vitest";
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
import { createSampleStore, frameOf } from "./sample-log.ts";

let verifiers: BothVerifiers;
let log: BundleLog;
let trust: Trusting;
let early: Buffer;
/** Of the whole log, of an agent's runs, of a time, and of a user whose contents were erased, or whose erasure is recorded and not done yet. */
const bundles: Record<"whole" | "runs" | "range" | "facts" | "erased" | "erasing", Buffer> = {} as never;
const files = (name: keyof typeof bundles): TarFiles => readTar(bundles[name]);
const FIRST_ENTRIES = "entries/000000000000000.jsonl";
const LINES_FROM_1 = "entries/000000000000001.jsonl";
const FIRST_LINES = "payloads/000000000000000.jsonl";
const FIRST_BYTES = "payloads/000000000000000.bin";

beforeAll(async () => {
  verifiers = await startBothVerifiers();
  log = await createBundleLog();
  await log.write(runFrame(1, { run: "a", agent: "support", user: "u1", steps: 4, second: 0 }));
  early = await log.checkpoint();
  await log.write(runFrame(2, { run: "b", agent: "billing", user: "u2", steps: 3, second: 10 }));
  await log.write(runFrame(3, { run: "c", agent: "support", user: "u1", steps: 2, second: 20 }));
  trust = { keys: [log.store.key.verifierKey] };
  bundles.whole = await log.export({}, { since_checkpoint: 6 });
  bundles.runs = await log.export({ agent: "support" });
  bundles.range = await log.export({ since: timeAt(2), until: timeAt(12) });
  bundles.facts = await log.export({}, { content: false });
  await log.erase("u1", 4, undefined, async () => {
    bundles.erasing = await log.export({ user: "u1" });
  });
  bundles.erased = await log.export({ user: "u1" });
});
afterAll(async () => {
  await verifiers.close();
  await log.remove();
});

test("a sum says how many calls it is without; a bundle of before, whose sums do not, verifies with a note", async () => {
  const other = await createBundleLog();
  const { records, ...run } = runFrame(1, { run: "a", agent: "support", user: "u1", steps: 8, second: 0 });
  // Of the four calls one told all, one not its input, one failed and one embedded.
  const told: Record<number, object> = { 3: {}, 5: { status: "error" }, 7: { operation: "embeddings" } };
  const unknown = records.map(({ facts, ...record }, i) => {
    const [more, out] = [told[i], i === 3 ? {} : { output_tokens: null }];
    const without = more && { ...more, cost: null, llm: facts.llm && { ...facts.llm, input_tokens: null, ...out } };
    return { ...record, facts: { ...facts, ...without } };
  });
  await other.write({ ...run, records: unknown });
  const trusting = { keys: [other.store.key.verifierKey] };
  const all = readTar(await other.export());
  expect(await verdictOf(writeTar(all), trusting)).toBe("VERIFIED");
  const [counted] = JSON.parse(fileOf(all, "runs.json").toString());
  expect(counted).toMatchObject({
    llm_calls: 4,
    input_tokens: 120,
    input_missing: 2,
    output_missing: 0,
    cost_missing: 2,
  });
  const [head = "", line = ""] = fileOf(all, "derived/runs.csv").toString().split("\r\n");
  const column = (name: string) => line.split(",")[head.split(",").indexOf(name)];
  expect(["input_tokens", "input_missing", "cost_missing"].map(column)).toEqual(["120", "2", "2"]);
  const report = (of: TarFiles) => fileOf(of, "derived/report.html").toString();
  expect(report(all)).toContain("120<sup");
  expect(report(all)).toContain("+? behind a sum");
  // Only its own kind of sums: neither those of before beside `sums`, nor the other way round.
  const before = change(all, { "bundle.json": (bytes) => Buffer.from(bytes.toString().replace('"sums":2,', "")) });
  expect(await verdictOf(writeTar(withSums(before)), trusting)).toBe("TAMPERED");
  const seen = await verifiers.verify(writeTar(withFacts(before)), trusting);
  const [node, python] = [seen.report.node, seen.report.python] as { verdict: string; notes: string[] }[];
  expect([node?.verdict, python?.verdict]).toEqual(["VERIFIED", "VERIFIED"]);
  expect(node?.notes.join()).toContain("Sums are of an older Runledger");
  expect(python?.notes).toEqual(node?.notes);
  expect(JSON.parse(fileOf(withFacts(before), "runs.json").toString())[0]).not.toHaveProperty("input_missing");
  // Where nothing at all is known there is no sum to stand behind.
  const place = { run_id: "b", run_seq: null, record_id: "b".repeat(64) };
  const lost = unknown.slice(3, 4).map(({ facts, ...record }) => {
    const llm = facts.llm && { ...facts.llm, output_tokens: null };
    return { ...record, facts: { ...facts, ...place, llm } };
  });
  await other.write({ ...run, seq: 2, records: lost });
  const unsummed = readTar(await other.export({ run_id: "b" }));
  expect(JSON.parse(fileOf(unsummed, "runs.json").toString())).toMatchObject([
    { input_tokens: null, input_missing: 1 },
  ]);
  expect(report(unsummed)).not.toContain("+?");
  await other.remove();
});

/** Both verifiers say the same. */
async function verdictOf(tar: Buffer, trusting: Trusting = trust): Promise<string> {
  const { node, python, why } = await verifiers.verify(tar, trusting);
  expect(python, JSON.stringify(why)).toBe(node);
  return node;
}

/** Both say the same of every changed copy, and of none that it is VERIFIED. */
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

test.each(["whole", "runs", "range", "facts", "erased", "erasing"] as const)(
  "a genuine bundle is verified: %s",
  async (name) => {
    expect(await verdictOf(bundles[name])).toBe("VERIFIED");
    expect(await verdictOf(bundles[name], { keys: [] })).toBe("UNTRUSTED");
  },
);

test("the bundles hold every form of payload, and what was erased is said to be", () => {
  const lines = (name: keyof typeof bundles) =>
    files(name).flatMap(([path, bytes]) => (path.startsWith("payloads/") && path.endsWith("l") ? linesOf(bytes) : []));
  expect(lines("whole").some((line) => line.includes("vnd.runledger.delta") && line.includes("payload_key"))).toBe(
    true,
  );
  expect(lines("whole").some((line) => line.includes("messages+json"))).toBe(true);
  expect(lines("erased").length).toBeGreaterThan(0);
  expect(lines("erased").every((line) => line.includes("erased_by"))).toBe(true);
  // What is recorded holds, in the report too, though the keys are there still.
  expect(lines("erasing")).toEqual(lines("erased"));
  const report = (of: keyof typeof bundles) => fileOf(readTar(bundles[of]), "derived/report.html").toString();
  expect([report("whole"), report("erasing")].map((page) => page.includes("answer 1.1"))).toEqual([true, false]);
  expect(files("facts").filter(([path]) => path.startsWith("payloads/"))).toEqual([]);
});

test("a log of several tiles is verified whole, in part, and against earlier checkpoints", async () => {
  const large = await createBundleLog();
  const checkpoints: Buffer[] = [];
  for (const [i, records] of [200, 30, 300, 170].entries()) {
    await large.write(frameOf(i + 1, records));
    checkpoints.push(await large.checkpoint());
  }
  await large.write(runFrame(9, { run: "last", agent: "late", user: "u9", steps: 3, second: 0 }));
  const keys = [large.store.key.verifierKey];
  for (const [i, since] of checkpoints.entries()) {
    const size = [200, 230, 530, 700][i] as number;
    expect(await verdictOf(await large.export({}, { content: false }), { keys, since })).toBe("VERIFIED");
    const part = await large.export({ agent: "late" }, { since_checkpoint: size });
    expect(await verdictOf(part, { keys, since })).toBe("VERIFIED");
    if (size > 256) continue;
    const unproven = withSums(readTar(part).filter(([path]) => path !== "tile/0/000"));
    expect(await verdictOf(writeTar(unproven), { keys, since })).toBe("INCOMPLETE");
  }
  // An entry changed, and its tile with it: only the tile above tells.
  const edit = (line: string) => line.replace('"name":"step 7"', '"name":"step 8"');
  const whole = readTar(await large.export({}, { content: false })).filter(
    ([path]) => !path.startsWith("tile/entries/"),
  );
  const at = linesOf(fileOf(whole, FIRST_ENTRIES)).findIndex((line) => edit(line) !== line);
  const changed = edit(linesOf(fileOf(whole, FIRST_ENTRIES))[at] ?? "");
  const rehashed = (tile: Buffer) => {
    const copy = Buffer.from(tile);
    copy.set(leafHash(Buffer.from(changed.slice(changed.indexOf(",") + 1, -1))), 32 * at);
    return copy;
  };
  const forged = change(whole, {
    [FIRST_ENTRIES]: editLines((lines) => lines.map((line, i) => (i === at ? changed : line))),
    "tile/0/000": rehashed,
  });
  expect(await verdictOf(writeTar(withFacts(whole)), { keys })).toBe("VERIFIED");
  expect(await verdictOf(writeTar(withFacts(forged)), { keys })).toBe("TAMPERED");
  const without = await large.export({ agent: "late" });
  expect(await verdictOf(without, { keys, since: checkpoints[0] as Buffer })).toBe("INCOMPLETE");
  await large.remove();
}, 120_000);

test("changed bytes, sampled over every file, are found", async () => {
  function* changes(): Generator<[string, Buffer]> {
    const tar = bundles.range;
    for (let at = 0; at < tar.length; at += 397) yield [`byte ${at}`, flipped(tar, at)];
    let from = 0;
    for (const [path, bytes] of files("range")) {
      for (const at of new Set([0, 124, 512, 512 + (bytes.length >> 1), 511 + bytes.length]))
        yield [`${path} ${at}`, flipped(tar, from + at)];
      from += 512 + Math.ceil(bytes.length / 512) * 512;
    }
  }
  await foundOf("changed bytes of a bundle", changes());
}, 300_000);

function flipped(bytes: Buffer, at: number): Buffer {
  const changed = Buffer.from(bytes);
  changed[at] = (changed[at] as number) ^ (1 << (at % 8));
  return changed;
}

test("dropped, doubled, emptied, lengthened and swapped files are found; with sums made anew where they are evidence", async () => {
  const derived = /^(derived\/|policies|README)/;
  function* changes(): Generator<[string, Buffer]> {
    for (const name of ["whole", "runs", "range"] as const) {
      // Of the proofs, which are all alike, the first few.
      const all = files(name).filter(([path]) => !path.startsWith("proofs/") || path < "proofs/000000000000003");
      for (const [i, [path, bytes]] of all.entries()) {
        const without = all.filter((_, at) => at !== i);
        const replaced = (content: Buffer) => all.map((file, at) => (at === i ? ([path, content] as const) : file));
        yield [`${name}: ${path} dropped`, writeTar(without)];
        yield [`${name}: ${path} doubled`, writeTar([...all.slice(0, i + 1), ...all.slice(i)])];
        yield [`${name}: ${path} lengthened`, writeTar(replaced(Buffer.concat([bytes, Buffer.of(10)])))];
        if (bytes.length > 0) yield [`${name}: ${path} emptied`, writeTar(replaced(Buffer.of()))];
        if (derived.test(path) || path === "SHA256SUMS") continue;
        // A bundle may be without its proofs, or without the log's own form of the entries: all of them, not some.
        const isOnlyOne = all.filter(([other]) => other.startsWith(path.slice(0, 12))).length === 1;
        if (!(path.startsWith("tile/entries/") && isOnlyOne))
          yield [`${name}: ${path} dropped, sums anew`, writeTar(withSums(without))];
        yield [
          `${name}: ${path} lengthened, sums anew`,
          writeTar(withSums(replaced(Buffer.concat([bytes, Buffer.of(10)])))),
        ];
        const next = all[i + 1];
        if (next === undefined || next[0] === "SHA256SUMS" || next[1].equals(bytes)) continue;
        const swapped = all.map((file, at) =>
          at === i ? ([path, next[1]] as const) : at === i + 1 ? ([next[0], bytes] as const) : file,
        );
        yield [`${name}: ${path} and ${next[0]} swapped`, writeTar(swapped)];
      }
    }
  }
  await foundOf("changed files of bundles", changes());
}, 300_000);

test("a tar that is cut, goes on behind its end, or holds what no bundle has is found", async () => {
  function* changes(): Generator<[string, Buffer]> {
    const tar = bundles.runs;
    for (let length = 0; length < tar.length; length += 1777) yield [`cut to ${length}`, tar.subarray(0, length)];
    for (const length of [1, 511, 512, 513, 1023]) yield [`cut by ${length}`, tar.subarray(0, -length)];
    yield ["a byte behind", Buffer.concat([tar, Buffer.of(0)])];
    const extra = (path: string): TarFiles => [
      ["README.txt", Buffer.of(1)],
      [path, Buffer.from("x")],
      ...files("runs").slice(1),
    ];
    for (const path of ["../../etc/passwd", "/etc/passwd", "entries/x.jsonl", "verify.sh", "payloads/0/../x"])
      yield [`a file ${path}`, writeTar(withSums(extra(path)))];
    const link = Buffer.from(tar);
    link[156] = "2".charCodeAt(0);
    yield ["a link", link];
  }
  await foundOf("broken and hostile tars", changes());
  // However many files no bundle has, those beyond some thousands are not remembered, nor read.
  const [readme, ...others] = files("runs");
  const strange = Array.from({ length: 11_000 }, (_, i): [string, Buffer] => [`derived/${i}`, Buffer.of()]);
  const { node, python, report } = await verifiers.verify(
    writeTar([...(readme ? [readme] : []), ...strange, ...others]),
    trust,
  );
  expect([node, python]).toEqual(["TAMPERED", "TAMPERED"]);
  expect(report).toMatchObject({ node: { findingsTotal: 10_002 }, python: { findingsTotal: 10_002 } });
  // What is larger than a verifier may take into memory is refused before it is read: here there is nothing to read.
  const whole = files("whole");
  const at = whole.findIndex(([path]) => path.endsWith(".bin"));
  const [line = ""] = linesOf(fileOf(whole, whole[at - 1]?.[0] ?? "")).filter((each) => each.includes('"length"'));
  const size = 600 * 1024 * 1024;
  const huge = Buffer.from(
    `${line.replace(/"length":\d+/, `"length":${size}`).replace(/"offset":\d+/, '"offset":0')}\n`,
  );
  const before = writeTar([...whole.slice(0, at - 1), [whole[at - 1]?.[0] ?? "", huge]]).subarray(0, -1024);
  expect(await verdictOf(Buffer.concat([before, tarHeader(whole[at]?.[0] ?? "", size)]))).toBe("TAMPERED");
  expect(await verdictOf(Buffer.from(tarHeader("README.txt", 2 ** 50)))).toBe("TAMPERED");
});

/** What somebody with root, but without the auditor's trust, can do; the sums and facts are made to fit. */
test("forgeries are found, and called what they are", async () => {
  const runs = files("runs");
  const range = files("range");
  const withoutLine = (n: number) => editLines((lines) => lines.filter((_, i) => i !== n));
  const edited = editLines((lines) => lines.map((line) => line.replace('"outcome":"done"', '"outcome":"paid"')));
  const manifest = (edit: (text: string) => string) => (bytes: Buffer) => Buffer.from(edit(bytes.toString()));

  expect(await verdictOf(writeTar(withFacts(change(runs, { [FIRST_ENTRIES]: edited }))))).toBe("TAMPERED");
  const unproven = (all: TarFiles) => all.filter(([path]) => !path.startsWith("proofs/"));
  expect(await verdictOf(writeTar(withFacts(unproven(change(runs, { [FIRST_ENTRIES]: edited })))))).toBe("TAMPERED");
  const withheld = change(runs, { [FIRST_ENTRIES]: withoutLine(2) }).filter(
    ([path]) => !path.startsWith("proofs/000000000000002"),
  );
  expect(await verdictOf(writeTar(withFacts(withheld)))).toBe("TAMPERED"); // its payload is left over
  const factsOnly = readTar(await log.export({ agent: "support" }, { content: false }));
  const hidden = change(factsOnly, { [FIRST_ENTRIES]: withoutLine(2) }).filter(
    ([path]) => !path.startsWith("proofs/000000000000002"),
  );
  expect(await verdictOf(writeTar(withFacts(hidden)))).toBe("INCOMPLETE");
  const endless = change(factsOnly, {
    [FIRST_ENTRIES]: editLines((lines) => lines.filter((line) => !line.includes('"event":"run_end"'))),
  }).filter(([path]) => !path.startsWith("proofs/"));
  expect(await verdictOf(writeTar(withFacts(endless)))).toBe("VERIFIED"); // what the notes call not proven

  // A range cut short, and saying so: what shows it is the entry behind it.
  const shown = readTar(await log.export({ since: timeAt(2), until: timeAt(12) }, { content: false }));
  const short = change(shown, {
    "bundle.json": manifest((text) => text.replace('"range":[2,8]', '"range":[2,6]')),
    [LINES_FROM_1]: editLines((lines) => lines.filter((line) => !/^\[[78],/.test(line))),
  }).filter(([path]) => !path.startsWith("proofs/"));
  expect(await verdictOf(writeTar(withFacts(short, [2, 6])))).toBe("INCOMPLETE");
  const claimed = change(range, {
    "runs.json": manifest((text) => text.replace('"status":"completed"', '"status":"failed"')),
  });
  expect(await verdictOf(writeTar(withSums(claimed)))).toBe("TAMPERED");
  const other = change(range, {
    "bundle.json": manifest((text) => text.replace('"selection":"range"', '"selection":"log"')),
  });
  expect(await verdictOf(writeTar(withSums(other)))).toBe("TAMPERED");
  const empty = change(files("facts"), {
    "bundle.json": manifest((text) => text.replace('"content":false', '"content":true')),
  });
  expect(await verdictOf(writeTar(withSums(empty)))).toBe("INCOMPLETE");
});

test("payloads that were swapped, changed, left out or said to be erased are found", async () => {
  const runs = files("runs");
  const lines = linesOf(fileOf(runs, FIRST_LINES)).map((line) => JSON.parse(line));
  const placed = lines as { offset: number; length: number }[];
  const a = placed.find(({ length }, i) => placed.some((other, at) => at !== i && other.length === length));
  const b = placed.find((other) => other !== a && other.length === a?.length);
  const swapped = (bytes: Buffer): Buffer => {
    const changed = Buffer.from(bytes);
    if (a === undefined || b === undefined || a.length !== b.length) throw new Error("no two payloads of one length");
    bytes.copy(changed, a.offset, b.offset, b.offset + b.length);
    bytes.copy(changed, b.offset, a.offset, a.offset + a.length);
    return changed;
  };
  const last = lines.at(-1) as {
    offset: number;
    sha256: string;
    commitment: string;
    key_id: string;
    media_type: string;
  };
  const withoutLast = {
    [FIRST_LINES]: editLines((all) => all.slice(0, -1)),
    [FIRST_BYTES]: (bytes: Buffer) => bytes.subarray(0, last.offset),
  };
  const { sha256, commitment, key_id, media_type } = last;
  const erased = JSON.stringify({ commitment, erased_by: 3, key_id, media_type, sha256 });
  const saidErased = { ...withoutLast, [FIRST_LINES]: editLines((all) => [...all.slice(0, -1), erased]) };
  const saidLost = (missing: string) => {
    const gone = JSON.stringify({ commitment, key_id, media_type, missing, sha256 });
    return { ...withoutLast, [FIRST_LINES]: editLines((all) => [...all.slice(0, -1), gone]) };
  };
  const otherKey = {
    [FIRST_LINES]: editLines((all) => all.map((line) => line.replace(/("payload_key":"[0-9a-f]{127})./, "$10"))),
  };
  const verdict = (changes: Parameters<typeof change>[1]) => verdictOf(writeTar(withSums(change(runs, changes))));
  expect(await verdict({ [FIRST_BYTES]: swapped })).toBe("TAMPERED");
  expect(await verdict(withoutLast)).toBe("INCOMPLETE");
  expect(await verdict(saidErased)).toBe("INCOMPLETE");
  for (const why of ["lost", "é".repeat(1_000), "🂡".repeat(1_000)])
    expect(await verdict(saidLost(why))).toBe("INCOMPLETE");
  for (const why of ["é".repeat(1_001), "🂡".repeat(1_001)]) expect(await verdict(saidLost(why))).toBe("TAMPERED");
  expect(await verdict(otherKey)).toBe("TAMPERED");
  const act = files("erased").filter(([path]) => path !== "proofs/000000000000015.tlog-proof");
  const withoutAct = change(act, {
    [FIRST_ENTRIES]: editLines((all) => all.filter((line) => !line.includes('"erasure"'))),
  });
  expect(await verdictOf(writeTar(withFacts(withoutAct.filter(([path]) => !path.startsWith("proofs/")))))).toBe(
    "INCOMPLETE",
  );
});

test("what has expired is explained by the installation's act, in the bundle of every tenant, whatever is selected", async () => {
  const other = await createBundleLog();
  await other.write(runFrame(1, { run: "a", agent: "support", user: "u1", steps: 2, second: 0 }));
  await other.expire("installation", 2);
  const trusting = { keys: [other.store.key.verifierKey] };
  for (const filter of [{}, { agent: "support" }, { until: timeAt(50) }] as Record<string, string>[]) {
    const expired = await other.export(filter);
    expect(await verdictOf(expired, trusting)).toBe("VERIFIED");
    const without = change(readTar(expired), {
      [FIRST_ENTRIES]: editLines((all) => all.filter((line) => !line.includes('"expiry"'))),
    }).filter(([path]) => !/^(proofs|tile\/entries)\//.test(path));
    expect(await verdictOf(writeTar(withFacts(without)), trusting)).toBe("INCOMPLETE");
  }
  await other.remove();
});

test("of very many runs without an end, and of roots of others' instrumentation, both note the same", async () => {
  const other = await createBundleLog();
  const facts = Array.from({ length: 53 }, (_, i) => ({ run_id: `open-${i}`, run_seq: 0, received_time: timeAt(i) }));
  const end = { status: "completed" as const, outcome: null, reason: null, records: null };
  const root = { run_id: "foreign", event: "run_end" as const, received_time: timeAt(60), end };
  await other.write(frame(1, [...facts, root]));
  const { node, report } = await verifiers.verify(await other.export(), { keys: [other.store.key.verifierKey] });
  const [ours, theirs] = [report.node, report.python] as { notes: string[] }[];
  expect(node).toBe("VERIFIED");
  expect(ours?.notes).toContain("… and 3 more runs without an end");
  expect(ours?.notes).toContain("Not proven: that runs without numbered records are whole (1).");
  expect(theirs?.notes).toEqual(ours?.notes);
  await other.remove();
});

test("what was erased before its month expired may be removed with it", async () => {
  const other = await createBundleLog();
  await other.write(runFrame(1, { run: "a", agent: "support", user: "u1", steps: 2, second: 0 }));
  await other.write(runFrame(2, { run: "b", agent: "support", user: "u2", steps: 2, second: 10 }));
  await other.erase("u1", 3);
  await other.expire("default", 4);
  const trusting = { keys: [other.store.key.verifierKey] };
  for (const filter of [{}, { user: "u1" }, { user: "u2" }] as Record<string, string>[])
    expect(await verdictOf(await other.export(filter), trusting)).toBe("VERIFIED");
  await other.remove();
});

test("a whole log of large contents is written a part at a time, wherever its tiles end", async () => {
  const large = await createBundleLog();
  for (let i = 0; i < 6; i++) {
    const { records, ...frameOfOne } = frame(i + 1, [{ run_id: `r${i}`, received_time: timeAt(i) }]);
    const input = JSON.stringify(randomBytes(5_000_000).toString("base64"));
    await large.write({ ...frameOfOne, records: records.map((one) => ({ ...one, content: { input } })) });
  }
  const tar = await large.export();
  const names = readTar(tar).map(([path]) => path);
  expect(names.filter((path) => path.startsWith("entries/")).length).toBeGreaterThan(1);
  expect(names.filter((path) => path.startsWith("tile/entries/"))).toHaveLength(1);
  expect(await verdictOf(tar, { keys: [large.store.key.verifierKey] })).toBe("VERIFIED");
  await large.remove();
});

test("a time in which nothing happened is told by the tenant's own entries around it, whoever else's stand there", async () => {
  const quiet = await createBundleLog();
  const others = { run_id: "b", tenant: "other" };
  const all = [
    { run_id: "a", received_time: timeAt(1) },
    ...[5, 15].map((at) => ({ ...others, received_time: timeAt(at) })),
  ];
  for (const [i, one] of [...all, { run_id: "c", received_time: timeAt(50) }].entries())
    await quiet.write(frame(i + 1, [one]));
  const trusting = { keys: [quiet.store.key.verifierKey] };
  for (const [since, until] of [
    [2, 4],
    [2, 10],
    [6, 10],
    [6, 20],
    [10, 20],
    [20, 30],
    [60, 70],
  ] as const)
    expect([
      since,
      await verdictOf(await quiet.export({ since: timeAt(since), until: timeAt(until) }), trusting),
    ]).toEqual([since, "VERIFIED"]);
  await quiet.remove();
});

test("another key, a log signed again, and a history that was rewritten are not believed", async () => {
  const { privateKey } = generateKeyPairSync("ed25519");
  const { origin } = log.store.key;
  const otherKey = formatVerifierKey(origin, privateKey);
  expect(await verdictOf(bundles.whole, { keys: [otherKey] })).toBe("UNTRUSTED");
  const note = fileOf(files("whole"), "checkpoint");
  const { size, root } = openCheckpoint(note, trust.keys.map(parseVerifierKey));
  const resigned = Buffer.from(signCheckpoint(size, root, createNoteSigner(origin, privateKey)));
  const forged = change(files("whole"), { checkpoint: () => resigned }).filter(([path]) => !path.startsWith("proofs/"));
  expect(await verdictOf(writeTar(withSums(forged)))).toBe("UNTRUSTED");
  const bothKeys = Buffer.concat([note, Buffer.from(resigned.toString().split("\n\n")[1] ?? "")]);
  const cosigned = change(files("whole"), { checkpoint: () => bothKeys }).filter(
    ([path]) => !path.startsWith("proofs/"),
  );
  expect(await verdictOf(writeTar(withSums(cosigned)))).toBe("VERIFIED");

  // Whoever has the key writes another history: an earlier checkpoint tells.
  expect(await verdictOf(bundles.whole, { ...trust, since: early })).toBe("VERIFIED");
  const fresh = await createSampleStore();
  const key = { ...log.store.key, lastSigned: fresh.key.lastSigned };
  const rewritten = await createBundleLog({ ...fresh, key });
  await rewritten.write(runFrame(1, { run: "a", agent: "innocent", user: "u1", steps: 9, second: 0 }));
  const history = await rewritten.export({}, { since_checkpoint: 6 });
  expect(await verdictOf(history)).toBe("VERIFIED");
  expect(await verdictOf(history, { ...trust, since: early })).toBe("TAMPERED");
  await rewritten.remove();
});

test("earlier checkpoints: of another log, of a longer one, of another history, of nobody's, and none at all", async () => {
  const { signer } = log.store.key;
  const { root } = openCheckpoint(early, trust.keys.map(parseVerifierKey));
  const since = (size: number, hash: Uint8Array = root) => Buffer.from(signCheckpoint(size, hash, signer));
  expect(await verdictOf(bundles.whole, { ...trust, since: since(6) })).toBe("VERIFIED");
  expect(await verdictOf(bundles.whole, { ...trust, since: since(6, Buffer.alloc(32)) })).toBe("TAMPERED");
  expect(await verdictOf(bundles.whole, { ...trust, since: since(5) })).toBe("TAMPERED");
  expect(await verdictOf(bundles.whole, { ...trust, since: since(500) })).toBe("TAMPERED");
  expect(await verdictOf(bundles.whole, { ...trust, since: since(0) })).toBe("TAMPERED");
  expect(await verdictOf(bundles.whole, { keys: [], since: since(6) })).toBe("UNTRUSTED");
  expect(await verdictOf(bundles.whole, { ...trust, since: Buffer.from("no checkpoint") })).toBe("UNREADABLE");
  // Points of a small order, and a second spelling of one: openssl 3.0 takes a signature of zeros by such a key, Node's does not.
  for (const point of [
    "01".padEnd(64, "0"),
    `ec${"ff".repeat(30)}ff`,
    `ee${"ff".repeat(30)}7f`,
    "80".padStart(64, "0"),
  ]) {
    const key = verifierKeyOf("runledger.local/weak", Buffer.from(`01${point}`, "hex"));
    const witness = verifierKeyOf("w.example", Buffer.from(`04${point}`, "hex"));
    expect(await verdictOf(bundles.whole, { ...trust, keys: [...trust.keys, key] })).toBe("UNREADABLE");
    const policy = `witness w ${witness}\nquorum none\n`;
    expect(await verdictOf(bundles.whole, { ...trust, policy })).toBe("UNREADABLE");
  }
});

test("a quorum that the policy asks for must have cosigned the bundle's checkpoint", async () => {
  const note = fileOf(files("runs"), "checkpoint");
  const pair = generateKeyPairSync("ed25519");
  const witness = createCosigner("witness.example/w", pair.privateKey, () => 1_800_000_000);
  const publicKey = Buffer.from(pair.publicKey.export({ format: "jwk" }).x ?? "", "base64url");
  const id = witness.keyId.toString(16).padStart(8, "0");
  const key = `witness.example/w+${id}+${Buffer.concat([Buffer.of(4), publicKey]).toString("base64")}`;
  const policy = `log ${trust.keys[0]}\nwitness w ${key}\ngroup g any w\nquorum g\n`;
  const text = `${note.toString().split("\n\n")[0]}\n`;
  const cosignature = Buffer.from(signNote(text, [witness])).subarray(text.length + 1);
  const withNote = (bytes: Buffer) =>
    writeTar(
      withSums(change(files("runs"), { checkpoint: () => bytes }).filter(([path]) => !path.startsWith("proofs/"))),
    );
  expect(await verdictOf(bundles.runs, { ...trust, policy })).toBe("UNTRUSTED");
  const nested = (depth: number): string =>
    `${policy.split("group")[0]}${Array.from({ length: depth }, (_, i) => `group g${i + 1} all ${i === 0 ? "w" : `g${i}`}\n`).join("")}quorum g${depth}\n`;
  expect(await verdictOf(bundles.runs, { ...trust, policy: nested(100) })).toBe("UNTRUSTED");
  expect(await verdictOf(bundles.runs, { ...trust, policy: nested(2_500) })).toBe("UNREADABLE");
  expect(await verdictOf(withNote(Buffer.concat([note, cosignature])), { ...trust, policy })).toBe("VERIFIED");
  // A second time that nobody can write down, though its witness signed it.
  const never = createCosigner("witness.example/w", pair.privateKey, () => 9_000_000_000_000_000);
  const late = Buffer.from(signNote(text, [never])).subarray(text.length + 1);
  expect(await verdictOf(withNote(Buffer.concat([note, late])), { ...trust, policy })).toBe("TAMPERED");
  const other = Buffer.from(signNote(`${text}more\n`, [witness])).subarray(text.length + 6);
  expect(await verdictOf(withNote(Buffer.concat([note, other])), { ...trust, policy })).toBe("TAMPERED");
});

test("records of a later Runledger, with members that are not known yet, are verified as they were signed", async () => {
  const later = editLines((lines) =>
    lines.map((line) => line.replace('"attributes":{}', '"attributes":{},"branch":7')),
  );
  const all = change(files("facts"), { [FIRST_ENTRIES]: later }).filter(
    ([path]) => !/^(proofs|tile\/entries)\//.test(path),
  );
  const tree = createTileTree();
  for (const line of linesOf(fileOf(all, FIRST_ENTRIES)))
    tree.append(leafHash(Buffer.from(line.slice(line.indexOf(",") + 1, -1))));
  const [tile] = tree.partialTiles();
  const signed = change(all, {
    [`tile/0/000.p/${tree.size}`]: () => Buffer.from(tile?.bytes ?? []),
    checkpoint: () => Buffer.from(signCheckpoint(tree.size, tree.root(), log.store.key.signer)),
  });
  expect(fileOf(signed, FIRST_ENTRIES).toString()).toContain('"branch":7');
  expect(await verdictOf(writeTar(withFacts(signed)))).toBe("VERIFIED");
});

/** https://c2sp.org/signed-note, "Verifier keys". */
function verifierKeyOf(name: string, typed: Buffer): string {
  const id = createHash("sha256").update(`${name}\n`).update(typed).digest("hex").slice(0, 8);
  return `${name}+${id}+${typed.toString("base64")}`;
}

test("a bundle of one run, agent or time holds nothing that only another run of the same person was told", async () => {
  const other = await createBundleLog();
  const secret = "BOBS-SALARY";
  const told = (text: string, words: number): string => JSON.stringify(`${text} ${randomBytes(words).toString("hex")}`);
  const [first, kept, next, large] = [told(secret, 500), told("kept", 2_000), told("next", 10), told("state", 3_000)];
  const messages = [
    [first, kept],
    ['"its summary"', kept],
    ['"its summary"', kept, next],
  ];
  const input = [large.replace("state", secret), large, large];
  const runs = ["run-1", "run-1", "run-2"];
  for (const [i, run_id] of runs.entries()) {
    const run = { ...NOBODY, agent_name: run_id === "run-1" ? "hr" : "support", user_id: "u1" };
    // A history that was compacted, and a state that differs in its beginning; then both in another run.
    const step = frame(i + 1, [{ run_id, run, event: "step", received_time: timeAt(i * 10) }]);
    const records = step.records.map((record) => ({ ...record, content: { messages: messages[i], input: input[i] } }));
    await other.write({ ...step, records: records as typeof step.records });
  }
  const unselected = (bundle: Buffer) =>
    /<strong>(\d+) contents in payloads\/ are of entries/.exec(
      String(fileOf(readTar(bundle), "derived/report.html")),
    )?.[1];
  const filters = { run_id: "run-2", agent: "support", since: timeAt(15) };
  for (const [name, value] of Object.entries(filters)) {
    const bundle = await other.export({ [name]: value });
    const verdict = await verifiers.verify(bundle, { keys: [other.store.key.verifierKey] });
    expect(verdict).toMatchObject({ node: "VERIFIED", python: "VERIFIED" });
    const holding = (text: string) => readTar(bundle).filter(([, bytes]) => bytes.includes(text));
    expect(holding(secret), name).toEqual([]);
    expect(unselected(bundle)).toBeUndefined();
    expect(holding(kept.slice(1, -1)).length * holding(large.slice(1, -1)).length, name).toBeGreaterThan(0);
  }
  // In its own run's it is; and where a time cuts that run, which is said.
  const toldIn = async (filter: Record<string, string>) => {
    const bundle = await other.export(filter);
    expect(bundle.includes(secret)).toBe(true);
    const verdict = await verifiers.verify(bundle, { keys: [other.store.key.verifierKey] });
    expect(verdict).toMatchObject({ node: "VERIFIED", python: "VERIFIED" });
    return unselected(bundle);
  };
  expect(await toldIn({ run_id: "run-1" })).toBeUndefined();
  expect(await toldIn({ since: timeAt(5) })).toBe("2");
  await other.remove();
}, 60_000);
