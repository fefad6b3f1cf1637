import { createHash, createHmac } from "node:crypto";
import { canonicalJson, leafHash, type NoteSigner } from "@runledger/contract";
import { type AgreeSample, entriesOf, pathTo, rootOf, signedAnew } from "./agree-sample.ts";
import type { AgreeCase } from "./agree-verifiers.ts";
import { change, fileOf, linesOf, type TarFiles, withSums, writeTar } from "./bundle-tar.ts";
import { type Draw, oddBytes, oddJson } from "./odd-json.ts";

type Know = (digest: string) => void;
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

const RULES = [
  "quorum none",
  "quorum a",
  "group g 2 a b\nquorum g",
  "group g any a b c\nquorum g",
  "group g all b c\ngroup h 1 g a\nquorum h",
];
function policyOf(draw: Draw, { logKey, witnesses }: AgreeSample): string {
  const named = witnesses.map(
    ({ key }, i) => `witness ${"abc"[i]} ${key}${draw.chance(0.3) ? " https://w.example/é/" : ""}`,
  );
  return `# a policy\n\nlog ${logKey}\n${named.join("\n")}\n${draw.of(RULES)}\n`;
}

const POLICY_LINES = [
  "",
  "#\u0007",
  "# ÿ",
  "quorum none",
  "quorum a",
  "quorum",
  "group g 1 a",
  "group x 0 a",
  "group x 01 a",
  "group x 2 a a",
  "log",
  "witness a",
  "policy 1",
];
function oddPolicy(draw: Draw, text: string): Buffer {
  const lines = text.split("\n");
  const at = draw.below(lines.length);
  const words = (lines[at] ?? "").split(" ");
  switch (draw.below(6)) {
    case 0:
      lines.splice(at, 0, draw.of(POLICY_LINES));
      break;
    case 1:
      lines.splice(draw.below(lines.length), 0, lines[at] ?? "");
      break;
    case 2:
      // A witness's key under another's name.
      lines[at] = [words[0], draw.of(["a", "b", "d", "none"]), ...draw.of(lines).split(" ").slice(2)].join(" ");
      break;
    case 3:
      lines[at] = words.join(draw.of(["\t", "  ", " \t ", "\u00a0", "\u000b", "\ufeff"]));
      break;
    default:
      return oddBytes(draw, Buffer.from(text));
  }
  return Buffer.from(lines.join("\n"));
}

/** The checkpoint, as some witnesses cosigned it. */
function cosigned(draw: Draw, { bundles: { runs }, witnesses }: AgreeSample, know: Know): Buffer {
  const note = fileOf(runs, "checkpoint").toString();
  const text = note.slice(0, note.lastIndexOf("\n\n") + 1);
  const by = witnesses.filter(() => draw.chance(0.6)).map(({ signer }) => signatureLine(signer, text, know));
  return Buffer.from(note + by.join(""));
}

const SIZES = [
  "0",
  "1",
  "5",
  "13",
  "-1",
  "+5",
  "05",
  "5.0",
  "1e1",
  "9007199254740991",
  "9007199254740992",
  "18446744073709551616",
  "٥",
  "",
  "5 ",
];
/** A checkpoint of other words, signed by the log's key. */
function oddHead(draw: Draw, { bundles: { runs }, signer, checkpoints }: AgreeSample, know: Know): Buffer {
  const lines = draw
    .of([fileOf(runs, "checkpoint"), ...checkpoints])
    .toString()
    .split("\n")
    .slice(0, 3);
  const kind = draw.below(5);
  if (kind === 0) lines[0] = draw.of([`${lines[0]}\ufeff`, "x", "", `${lines[0]} `, "é"]);
  if (kind === 1) lines[1] = draw.of(SIZES);
  if (kind === 2) lines[2] = oddBase64(draw, lines[2] ?? "");
  if (kind === 3)
    lines.splice(1 + draw.below(3), 0, draw.of(["", "more", "\u2028", "\u007f", "\u0001", "\ufeff", "— x AAAAAAAA"]));
  return signed(`${lines.join("\n")}\n`, [signer], know);
}

const NAMES = ["x", "\ufeffx", "x\u00a0", "x\u0085y", "\u2028", "x\u180e", "x\u200b", "x+y", "x\u001cy", "𐀀", ""];
function oddNote(draw: Draw, note: Buffer): Buffer {
  const text = note.toString();
  const line = `— ${draw.of(NAMES)} ${draw.of(["AAAAAAAA", "AAAAAAA=", "AAAA", "AAAAAAB=", "AAAA_-AA", "AAAAAAAAAA==", "AAAA AAAA", "AAAAAAAAAAA"])}\n`;
  switch (draw.below(6)) {
    case 0:
      return Buffer.from(text + line.repeat(draw.of([1, 1, 99, 100, 101])));
    case 1:
      return Buffer.from(text.replace("\n\n", `\n\n${line}`));
    case 2: {
      const lines = text.split("\n");
      const at = draw.below(lines.length);
      lines[at] = (lines[at] ?? "")
        .split(" ")
        .map((word, i) => (i === 2 ? oddBase64(draw, word) : word))
        .join(" ");
      return Buffer.from(lines.join("\n"));
    }
    case 3:
      return Buffer.from(text + text.slice(text.lastIndexOf("\n\n") + 2));
    default:
      return oddBytes(draw, note);
  }
}

function oddBase64(draw: Draw, text: string): string {
  const bytes = Buffer.from(text, "base64");
  const at = draw.below(bytes.length);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return draw.of([
    bytes.toString("base64"),
    text.replaceAll("=", ""),
    `${text}=`,
    text.replace(/(.)(=*)$/, (_, last: string, padding: string) => `${last === "A" ? "B" : "A"}${padding}`),
    Buffer.from(text, "base64").toString("base64url"),
    `${text.slice(0, 8)}\r${text.slice(8)}`,
    ` ${text}`,
    Buffer.concat([Buffer.from(text, "base64"), Buffer.of(0)]).toString("base64"),
    "",
  ]);
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

/** Of whatever text: also of one that can't stand in a note. */
function signed(text: string, signers: readonly NoteSigner[], know: Know): Buffer {
  return Buffer.from(`${text}\n${signers.map((signer) => signatureLine(signer, text, know)).join("")}`);
}

function signatureLine(signer: NoteSigner, text: string, know: Know): string {
  const id = Buffer.alloc(4);
  id.writeUInt32BE(signer.keyId);
  const signature = Buffer.from(signer.sign(Buffer.from(text)));
  const publicKey = publicKeys.get(signer.name);
  if (publicKey !== undefined && signature.length === 64)
    know(createHash("sha256").update(publicKey).update(text).update(signature).digest("hex"));
  return `— ${signer.name} ${Buffer.concat([id, signature]).toString("base64")}\n`;
}

/** By name of their signers, as they are told to `knowKey`. */
const publicKeys = new Map<string, Buffer>();
export function knowKey(verifierKey: string): void {
  const [name = "", , ...key] = verifierKey.split("+");
  publicKeys.set(name, Buffer.from(key.join("+"), "base64").subarray(1));
}
