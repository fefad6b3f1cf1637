import { createHmac } from "node:crypto";
import { canonicalJson, headsHash, leafHash } from "@runledger/contract";
import { withChains } from "./agree-chains.ts";
import { withOddEnds } from "./agree-ends.ts";
import { cosigned, type Know, oddHead, oddNote, oddPolicy, policyOf, signed } from "./agree-notes.ts";
import { type AgreeSample, entriesOf, pathTo, rootOf, signedAnew } from "./agree-sample.ts";
import type { AgreeCase } from "./agree-verifiers.ts";
import { change, fileOf, linesOf, type TarFiles, withSums, writeTar } from "./bundle-tar.ts";
import { type Draw, oddBytes, oddJson } from "./odd-json.ts";

type MakeCase = (draw: Draw, sample: AgreeSample, know: Know) => AgreeCase;

const LINES = "payloads/000000000000000.jsonl";
const BYTES = "payloads/000000000000000.bin";

/** Each changes one thing that somebody could change, the signer of the log among them. */
export const CASES: Record<string, MakeCase> = {
  entry: (draw, sample, know) => {
    const entries = entriesOf(sample);
    const at = draw.below(entries.length);
    entries[at] = oddText(draw, entries[at] ?? Buffer.of());
    return {
      tar: signedAnew(sample, entries, (text) => signed(text, [sample.signer], know)),
      policy: plainPolicy(sample),
    };
  },
  entries: (draw, sample, know) => {
    const entries = entriesOf(sample);
    for (let changes = draw.below(4); changes >= 0; changes--) changeOrder(draw, entries);
    return {
      tar: signedAnew(sample, entries, (text) => signed(text, [sample.signer], know)),
      policy: plainPolicy(sample),
    };
  },
  lines: (draw, sample) => inBundle(draw, sample, (path) => path.startsWith("entries/"), oddBytes),
  manifest: (draw, sample) => inBundle(draw, sample, (path) => path === "bundle.json", oddLine),
  payloads: (draw, sample) => inBundle(draw, sample, (path) => /^payloads\/.*jsonl$/.test(path), oddLines),
  node: (draw, sample, know) => ({
    tar: withOddPayload(draw, sample, (text) => signed(text, [sample.signer], know)),
    policy: plainPolicy(sample),
  }),
  chains: (draw, sample, know) => ({
    tar: withChains(draw, sample, (text) => signed(text, [sample.signer], know)),
    policy: plainPolicy(sample),
  }),
  ends: (draw, sample, know) => ({
    tar: signedAnew(sample, withOddEnds(draw, entriesOf(sample)), (text) => signed(text, [sample.signer], know)),
    policy: plainPolicy(sample),
  }),
  facts: (draw, sample) => inBundle(draw, sample, (path) => /^(runs|summary)\.json$/.test(path), oddBytes),
  proof: (draw, sample) => inBundle(draw, sample, (path) => path.startsWith("proofs/"), oddProof),
  sums: (draw, { bundles: { whole }, ...sample }) => {
    const files = change(whole, { SHA256SUMS: (bytes) => oddBytes(draw, bytes) });
    return { tar: writeTar(files), policy: plainPolicy(sample) };
  },
  policy: (draw, sample, know) => {
    const text = policyOf(draw, sample);
    const policy = draw.chance(0.8) ? oddPolicy(draw, text) : Buffer.from(text);
    return { tar: withNote(sample, cosigned(draw, sample, know)), policy };
  },
  note: (draw, sample, know) => {
    const note = draw.chance(0.5) ? oddNote(draw, cosigned(draw, sample, know)) : oddHead(draw, sample, know);
    return { tar: withNote(sample, note), policy: Buffer.from(policyOf(draw, sample)) };
  },
  since: (draw, sample, know) => {
    const since = Array.from({ length: 1 + draw.below(2) }, () => {
      const note = draw.of(sample.checkpoints);
      return draw.chance(0.4) ? oddNote(draw, note) : oddHead(draw, sample, know);
    });
    return { tar: writeTar(sample.bundles.whole), policy: plainPolicy(sample), since };
  },
  anchors: (draw, { two, twoPolicy }) => {
    const files = change(two, { "anchors.json": (bytes) => oddLine(draw, bytes) });
    return { tar: writeTar(withSums(files)), policy: Buffer.from(twoPolicy) };
  },
  directory: (draw, sample, know) => {
    const { two, twoPolicy } = sample;
    const files = change(two, { "anchors.json": (bytes) => oddDirectory(draw, bytes, sample, know) });
    return { tar: writeTar(withSums(files)), policy: Buffer.from(twoPolicy) };
  },
  heads: (draw, sample, know) => {
    const { two, twoPolicy, witnesses } = sample;
    const [witness] = witnesses;
    const files = change(two, { "anchors.json": (bytes) => oddHeads(draw, bytes, sample, know) });
    const quorum = `witness w ${witness?.key}\nquorum w\n`;
    const policy = draw.chance(0.7) ? twoPolicy.replace("quorum none\n", quorum) : twoPolicy;
    return { tar: writeTar(withSums(files)), policy: Buffer.from(policy) };
  },
};

function plainPolicy({ logKey }: Pick<AgreeSample, "logKey">): Buffer {
  return Buffer.from(`log ${logKey}\nquorum none\n`);
}

function oddText(draw: Draw, json: Buffer): Buffer {
  const text = draw.chance(0.85) ? Buffer.from(oddJson(draw, JSON.parse(json.toString()))) : json;
  return draw.chance(0.25) || text === json ? oddBytes(draw, text) : text;
}

function oddLine(draw: Draw, line: Buffer): Buffer {
  return draw.chance(0.9)
    ? Buffer.concat([oddText(draw, line.subarray(0, -1)), Buffer.from("\n")])
    : oddBytes(draw, line);
}

function oddLines(draw: Draw, bytes: Buffer): Buffer {
  const lines = bytes.toString().split("\n").slice(0, -1);
  if (draw.chance(0.2) || lines.length === 0) return oddBytes(draw, bytes);
  const at = draw.below(lines.length);
  const parts = lines.map((line, i) => (i === at ? oddLine(draw, Buffer.from(`${line}\n`)) : Buffer.from(`${line}\n`)));
  return Buffer.concat(parts);
}

/** Another content of a payload, to which its entry commits: who holds its key and the log's can. */
function withOddPayload(draw: Draw, sample: AgreeSample, sign: (text: string) => Buffer): Buffer {
  const { whole } = sample.bundles;
  const placed = linesOf(fileOf(whole, LINES)).map((line) => JSON.parse(line));
  const contents = placed.map(({ offset, length }) => fileOf(whole, BYTES).subarray(offset, offset + length));
  const nodes = placed.flatMap(({ media_type, payload_key }, i) => (/vnd/.test(media_type) && payload_key ? [i] : []));
  const at = draw.of(nodes);
  const line = placed[at];
  const before = line.commitment;
  contents[at] = oddNode(draw, contents[at] ?? Buffer.of());
  line.commitment = createHmac("sha256", Buffer.from(line.payload_key, "hex").subarray(32))
    .update(contents[at])
    .digest("hex");
  let offset = 0;
  for (const [i, each] of placed.entries()) {
    if (each.length === undefined) continue;
    Object.assign(each, { offset, length: contents[i]?.length });
    offset += each.length;
  }
  const lines = Buffer.from(placed.map((each) => `${canonicalJson(each)}\n`).join(""));
  const bytes = Buffer.concat(contents.filter((_, i) => placed[i].length !== undefined));
  const bundle = change(whole, { [LINES]: () => lines, [BYTES]: () => bytes });
  const entries = entriesOf(sample).map((entry) => Buffer.from(entry.toString().replaceAll(before, line.commitment)));
  return signedAnew({ ...sample, bundles: { ...sample.bundles, whole: bundle } }, entries, sign);
}

/** Of a message list one JSON object, of a difference one line of it. */
function oddNode(draw: Draw, node: Buffer): Buffer {
  const end = node.indexOf(10) < 0 ? node.length : node.indexOf(10);
  const [head, rest] = [node.subarray(0, end), node.subarray(end)];
  return draw.chance(0.1) ? oddBytes(draw, node) : Buffer.concat([oddText(draw, head), rest]);
}

function changeOrder(draw: Draw, entries: Buffer[]): void {
  const at = draw.below(entries.length);
  const entry = entries[at] ?? Buffer.of();
  const kind = draw.below(3);
  if (kind === 0) entries.splice(at, 1);
  if (kind === 1) entries.splice(draw.below(entries.length + 1), 0, entry);
  if (kind === 2) {
    const [number, other] = [draw.below(8), draw.below(8)];
    entries[at] = Buffer.from(
      entry
        .toString()
        .replace(`"run_seq":${number}`, `"run_seq":${other}`)
        .replace('"records":5', `"records":${other}`),
    );
  }
  if (entries.length === 0) entries.push(entry);
}

function inBundle(
  draw: Draw,
  sample: AgreeSample,
  isOne: (path: string) => boolean,
  odd: (draw: Draw, bytes: Buffer) => Buffer,
): AgreeCase {
  const bundles = Object.values(sample.bundles).filter((files) => files.some(([path]) => isOne(path)));
  const files = draw.of(bundles);
  const [path] = draw.of(files.filter(([name]) => isOne(name)));
  return {
    tar: writeTar(withSums(change(files, { [path]: (bytes) => odd(draw, bytes) }))),
    policy: plainPolicy(sample),
  };
}

const PROOF_LINES = [
  "extra AAAA",
  "extra !",
  "extra",
  "index 00",
  "index -1",
  "index 1e0",
  "index 9007199254740993",
  `${"A".repeat(43)}=`,
  `${"_".repeat(43)}=`,
  "",
];
function oddProof(draw: Draw, proof: Buffer): Buffer {
  if (draw.chance(0.4)) return oddBytes(draw, proof);
  const lines = proof.toString().split("\n");
  lines.splice(draw.below(8), draw.below(2), draw.of(PROOF_LINES));
  return Buffer.from(lines.join("\n"));
}

/** With its proofs left out, which hold the checkpoint as it was. */
function withNote({ bundles: { runs } }: AgreeSample, note: Buffer): Buffer {
  const files: TarFiles = runs.filter(([path]) => !path.startsWith("proofs/"));
  return writeTar(withSums(change(files, { checkpoint: () => note })));
}

interface Head {
  checkpoint: string;
  recorded: { entry: string; index: number; proof: string[] }[];
}

/** The directory's own keeper puts something else into an entry, or into its head, and signs it. */
function oddDirectory(draw: Draw, bytes: Buffer, { directorySigner }: AgreeSample, know: Know): Buffer {
  const anchors: { heads: Head[] } = JSON.parse(bytes.toString());
  for (const head of anchors.heads) {
    const chosen = draw.of(head.recorded);
    chosen.entry = oddText(draw, Buffer.from(chosen.entry)).toString();
    const ordered = head.recorded.toSorted((a, b) => a.index - b.index);
    const leaves = ordered.map(({ entry }) => Buffer.from(leafHash(Buffer.from(entry))));
    for (const each of head.recorded) each.proof = pathTo(each.index, leaves).map((hash) => hash.toString("base64"));
    const [origin] = head.checkpoint.split("\n");
    const text = `${origin}\n${leaves.length}\n${rootOf(leaves).toString("base64")}\n`;
    head.checkpoint = signed(text, [directorySigner], know).toString();
  }
  return Buffer.from(`${JSON.stringify(anchors)}\n`);
}

/** Heads of one directory, or of several histories of it, each signed by its keeper and some cosigned; of logs here and others. */
function oddHeads(draw: Draw, bytes: Buffer, { directorySigner, witnesses }: AgreeSample, know: Know): Buffer {
  const [genuine] = (JSON.parse(bytes.toString()) as { heads: Head[] }).heads;
  const [origin = ""] = genuine?.checkpoint.split("\n") ?? [];
  const notes = (genuine?.recorded ?? []).map(({ entry }): { shard: string; checkpoint: string } => JSON.parse(entry));
  const noteOf = (shard: string): string => {
    const here = notes.find((note) => note.shard === shard);
    const strange = `x/${draw.chance(0.9) ? shard : "z"}\n${1 + draw.below(3)}\n${Buffer.alloc(32).toString("base64")}\n\n— x AAAAAAA=\n`;
    return here?.checkpoint ?? strange;
  };
  const history: string[] = [];
  const sizes = new Map<string, number>();
  const grow = (): void => {
    const shard = history.length < 2 ? ["a", "b"][history.length] : draw.of(["a", "b", "a", "b", "c"]);
    const checkpoint = noteOf(shard ?? "a");
    sizes.set(shard ?? "a", Number(checkpoint.split("\n")[1]) - (draw.chance(0.05) ? 1 : 0));
    const names = [...sizes.keys()].sort();
    const shards = draw.chance(0.8) ? { shards: draw.chance(0.95) ? names : names.slice(1) } : {};
    const heads_sha256 = headsHash(names.map((name) => [name, sizes.get(name) ?? 0]));
    const told = { ...shards, ...(draw.chance(0.8) ? { heads_sha256 } : {}) };
    history.push(canonicalJson({ checkpoint, recorded_time: "2026-01-01T00:01:00Z", shard, ...told }));
  };
  const heads = Array.from({ length: 1 + draw.below(3) }, () => {
    if (draw.chance(0.1)) history.length = draw.below(history.length + 1); // another history
    for (let more = draw.below(3) + (history.length < 2 ? 2 : 0); more > 0; more--) grow();
    const leaves = history.map((entry) => Buffer.from(leafHash(Buffer.from(entry))));
    const last = new Map(history.map((entry, index) => [JSON.parse(entry).shard as string, index]));
    const shown = [...last].sort(([a], [b]) => (a < b ? -1 : 1)).filter(() => draw.chance(0.95));
    const recorded = shown.map(([, index]) => {
      const proof = pathTo(index, leaves).map((hash) => hash.toString("base64"));
      return { entry: history[index] ?? "", index, proof };
    });
    const logs = shown.flatMap(([shard]) => (shard === "c" ? [] : [{ consistency: [], shard }]));
    const text = `${draw.chance(0.97) ? origin : "x/directory"}\n${leaves.length}\n${rootOf(leaves).toString("base64")}\n`;
    const signers = [directorySigner, ...(draw.chance(0.6) ? witnesses.slice(0, 1).map(({ signer }) => signer) : [])];
    return { checkpoint: signed(text, signers, know).toString(), logs, recorded, timestamp: null };
  });
  return Buffer.from(`${canonicalJson({ heads })}\n`);
}
