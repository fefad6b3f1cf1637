import { canonicalJson } from "@runledger/contract";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type BothVerifiers, startBothVerifiers, type Trusting } from "./both-verifiers.ts";
import { type BundleLog, createBundleLog, runFrame, timeAt } from "./bundle-log.ts";
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

/** Who passes a bundle on, without any key, and would rather not show a content: they describe it otherwise, and make the sums fit. */
interface Line {
  commitment: string;
  key_id: string;
  media_type: string;
  sha256: string;
  length?: number;
  offset?: number;
  payload_key?: string;
  erased_by?: number;
}

let verifiers: BothVerifiers;
let log: BundleLog;
let trust: Trusting;
/** Of a log in which one of two users was erased; from the middle of the other's run. */
let whole: TarFiles;
let range: TarFiles;

beforeAll(async () => {
  verifiers = await startBothVerifiers();
  log = await createBundleLog();
  trust = { keys: [log.store.key.verifierKey] };
  await log.write(runFrame(1, { run: "a", agent: "support", user: "alice", steps: 3, second: 0 }));
  await log.write(runFrame(2, { run: "b", agent: "support", user: "bob", steps: 8, second: 10 }));
  await log.erase("alice", 3);
  whole = readTar(await log.export());
  range = readTar(await log.export({ since: timeAt(15), until: timeAt(19) }));
});
afterAll(async () => {
  await verifiers.close();
  await log.remove();
});

async function verdictOf(files: TarFiles): Promise<string> {
  const { node, python, why } = await verifiers.verify(writeTar(withSums(files)), trust);
  expect(python, JSON.stringify(why)).toBe(node);
  return node;
}

const linesPath = (files: TarFiles): string => files.find(([path]) => /^payloads\/\d+\.jsonl$/.test(path))?.[0] ?? "";
const payloadLines = (files: TarFiles): Line[] =>
  linesOf(fileOf(files, linesPath(files))).map((line) => JSON.parse(line));

/** The bundle with each payload line as `edit` gives it; null leaves the content out, and so does a line without a length. */
function described(files: TarFiles, edit: (line: Line) => Line | null): TarFiles {
  const path = linesPath(files);
  const bytesPath = path.replace(/jsonl$/, "bin");
  const bytes = fileOf(files, bytesPath);
  const parts: Buffer[] = [];
  let offset = 0;
  const lines = payloadLines(files).flatMap((line) => {
    const edited = edit(line);
    if (edited?.length === undefined) return edited ?? [];
    parts.push(bytes.subarray(line.offset, (line.offset ?? 0) + edited.length));
    offset += edited.length;
    return { ...edited, offset: offset - edited.length };
  });
  const text = lines.map((line) => `${canonicalJson(line)}\n`).join("");
  return change(files, { [path]: () => Buffer.from(text), [bytesPath]: () => Buffer.concat(parts) });
}

test("a content that is said to be another person's, who was erased, is TAMPERED", async () => {
  expect(await verdictOf(whole)).toBe("VERIFIED");
  const alices = payloadLines(whole).find((line) => line.erased_by !== undefined);
  if (alices === undefined) throw new Error("nothing was erased");
  const { erased_by = 0, key_id } = alices;
  const asErased = ({ commitment, media_type, sha256 }: Line): Line => ({
    ...{ commitment, erased_by, key_id, media_type, sha256 },
  });
  expect(payloadLines(whole).some((line) => line.length !== undefined)).toBe(true);
  const all = described(whole, (line) => (line.length === undefined ? line : asErased(line)));
  expect(await verdictOf(all)).toBe("TAMPERED");
  let hidden = 0;
  const one = described(whole, (line) => (line.length === undefined || hidden++ > 0 ? line : asErased(line)));
  expect(await verdictOf(one)).toBe("TAMPERED");
  const underTheirOwn = described(whole, (line) =>
    line.length === undefined ? line : { ...asErased(line), key_id: line.key_id },
  );
  expect(await verdictOf(underTheirOwn)).toBe("INCOMPLETE");
});

test("a list or difference that is said to be a text, so that its bases are not missed, is TAMPERED", async () => {
  expect(await verdictOf(range)).toBe("VERIFIED");
  const bases = new Set<string>();
  const bytes = fileOf(range, linesPath(range).replace(/jsonl$/, "bin"));
  for (const { media_type, offset = 0, length = 0 } of payloadLines(range)) {
    if (!media_type.includes("vnd.runledger.") || media_type.endsWith(".value")) continue;
    const base = /"sha256":"([0-9a-f]{64})"/.exec(bytes.subarray(offset, offset + length).toString())?.[1];
    if (base !== undefined) bases.add(base);
  }
  expect(bases.size).toBeGreaterThan(0);
  const isNode = ({ media_type }: Line): boolean => /delta|messages/.test(media_type);
  for (const media_type of ["text/plain", "application/vnd.runledger.value", "application/json"]) {
    const relabelled = (line: Line): Line => (isNode(line) ? { ...line, media_type } : line);
    expect(await verdictOf(described(range, (line) => (bases.has(line.sha256) ? null : relabelled(line))))).toBe(
      "TAMPERED",
    );
    expect(await verdictOf(described(range, relabelled))).toBe("TAMPERED");
  }
});

test("a content under a false media type, or a false key, is TAMPERED though all of it is there", async () => {
  const html = described(whole, (line) => (line.length === undefined ? line : { ...line, media_type: "text/html" }));
  expect(await verdictOf(html)).toBe("TAMPERED");
  const key_id = "0".repeat(32);
  const keyed = described(whole, (line) => (line.length === undefined ? line : { ...line, key_id }));
  expect(await verdictOf(keyed)).toBe("TAMPERED");
  const erased = described(whole, (line) =>
    line.erased_by === undefined ? line : { ...line, media_type: "text/html" },
  );
  expect(await verdictOf(erased)).toBe("TAMPERED");
});

test.each(["since", "until"] as const)(
  "a range that is cut off where no time was asked for, by %s, is INCOMPLETE",
  async (bound) => {
    // Just so it looks when somebody takes the entries beyond away and makes facts, proofs and sums anew.
    const cut = change(range, {
      "bundle.json": (bytes) => {
        const cutAt = new RegExp(`,?"${bound}":"[^"]*"`);
        expect(bytes.toString()).toMatch(cutAt);
        return Buffer.from(bytes.toString().replace(cutAt, "").replace("{,", "{"));
      },
    });
    expect(await verdictOf(cut)).toBe("INCOMPLETE");
  },
);

test("contents that the log says are erased, and that are here, are INCOMPLETE: somebody has kept the key", async () => {
  const kept = await createBundleLog();
  await kept.write(runFrame(1, { run: "a", agent: "support", user: "alice", steps: 3, second: 0 }));
  const asked = { keys: [kept.store.key.verifierKey] };
  const before = readTar(await kept.export());
  await kept.erase("alice", 2);
  const after = readTar(await kept.export());
  const both = async (files: TarFiles) => await verifiers.verify(writeTar(withSums(files)), asked);
  const honest = await both(after);
  expect([honest.node, honest.python], JSON.stringify(honest.why)).toEqual(["VERIFIED", "VERIFIED"]);
  const path = linesPath(before);
  const bin = path.replace(/jsonl$/, "bin");
  const opened = await both(change(after, { [path]: () => fileOf(before, path), [bin]: () => fileOf(before, bin) }));
  expect([opened.node, opened.python], JSON.stringify(opened.why)).toEqual(["INCOMPLETE", "INCOMPLETE"]);
  expect(JSON.stringify(opened.why)).toMatch(/entry 5 says that it was destroyed.*entry 5 says that it was destroyed/);
  await kept.remove();
});

test("a range shows where it ends with the tenant's own entries, whatever of others lies within and next to it", async () => {
  const shared = await createBundleLog();
  const others = (seq: number, second: number) => {
    const written = runFrame(seq, { run: `theirs ${seq}`, agent: "spy", user: "u9", steps: 1, second });
    const records = written.records.map((each) => ({ ...each, facts: { ...each.facts, tenant: "elsewhere" } }));
    return { ...written, records };
  };
  await shared.write(runFrame(1, { run: "a", agent: "support", user: "alice", steps: 3, second: 0 }));
  await shared.write(others(2, 10));
  await shared.write(runFrame(3, { run: "b", agent: "support", user: "bob", steps: 3, second: 20 }));
  await shared.write(others(4, 30));
  const asked = { keys: [shared.store.key.verifierKey] };
  const within = readTar(await shared.export({ since: timeAt(3), until: timeAt(22) }, { content: false }));
  const told = (files: TarFiles): { range: [number, number]; hidden: number } =>
    JSON.parse(fileOf(files, "bundle.json").toString());
  expect(told(within)).toMatchObject({ range: [3, 10], hidden: 3 });
  const seen = await verifiers.verify(writeTar(within), asked);
  expect([seen.node, seen.python], JSON.stringify(seen.why)).toEqual(["VERIFIED", "VERIFIED"]);
  const [node, python] = [seen.report.node, seen.report.python] as { notes: string[] }[];
  expect(node?.notes).toContain("… but 3 that are shown as hashes only, said to be of other tenants.");
  expect(python?.notes).toEqual(node?.notes);
  for (const boundaries of [[2], [10], [2, 10]]) {
    const without = within.flatMap(([path, bytes]): [string, Buffer][] => {
      if (path.startsWith("proofs/")) return [];
      if (!path.startsWith("entries/")) return [[path, bytes]];
      const lines = linesOf(bytes).filter((line) => !boundaries.some((index) => line.startsWith(`[${index},`)));
      const first = String(JSON.parse(lines[0] ?? "")[0]).padStart(15, "0");
      return [[`entries/${first}.jsonl`, Buffer.from(lines.map((line) => `${line}\n`).join(""))]];
    });
    const { node, python, why } = await verifiers.verify(writeTar(withSums(without)), asked);
    expect([node, python], JSON.stringify(why)).toEqual(["INCOMPLETE", "INCOMPLETE"]);
    for (const index of boundaries) expect(JSON.stringify(why)).toContain(`"entry ${index}"`);
  }
  // A record of a run that is given as others': in a range that is all of the log it can lie nowhere else.
  const all = readTar(await shared.export({}, { content: false })).filter(([path]) => !path.startsWith("proofs/"));
  expect(told(all)).toMatchObject({ range: [0, 16], hidden: 6 });
  const honest = await verifiers.verify(writeTar(withSums(all)), asked);
  expect([honest.node, honest.python], JSON.stringify(honest.why)).toEqual(["VERIFIED", "VERIFIED"]);
  const hiding = change(all, {
    "bundle.json": (bytes) => Buffer.from(bytes.toString().replace('"hidden":6', '"hidden":7')),
    "entries/000000000000000.jsonl": editLines((lines) => lines.filter((line) => !line.startsWith("[2,"))),
  });
  const hidden = await verifiers.verify(writeTar(withFacts(hiding)), asked);
  expect([hidden.node, hidden.python], JSON.stringify(hidden.why)).toEqual(["INCOMPLETE", "INCOMPLETE"]);
  expect(JSON.stringify(hidden.why)).toContain("records 2 of 5");
  // Of a time of which nothing is, while others' entries are the newest.
  const later = readTar(await shared.export({ since: timeAt(50), until: timeAt(60) }));
  expect(told(later)).toMatchObject({ range: [13, 16], hidden: 3 });
  const none = await verifiers.verify(writeTar(later), asked);
  expect([none.node, none.python], JSON.stringify(none.why)).toEqual(["VERIFIED", "VERIFIED"]);
  await shared.remove();
});
