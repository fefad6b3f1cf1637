import { createHash } from "node:crypto";
import type { NoteSigner } from "@runledger/contract";
import type { AgreeSample } from "./agree-sample.ts";
import { fileOf } from "./bundle-tar.ts";
import { type Draw, oddBytes } from "./odd-json.ts";

/** Is told of each signature that is right. */
export type Know = (digest: string) => void;

/** The checkpoint, as some witnesses cosigned it. */
export function cosigned(draw: Draw, { bundles: { runs }, witnesses }: AgreeSample, know: Know): Buffer {
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
export function oddHead(draw: Draw, { bundles: { runs }, signer, checkpoints }: AgreeSample, know: Know): Buffer {
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
export function oddNote(draw: Draw, note: Buffer): Buffer {
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

/** Of whatever text: also of one that can't stand in a note. */
export function signed(text: string, signers: readonly NoteSigner[], know: Know): Buffer {
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
const RULES = [
  "quorum none",
  "quorum a",
  "group g 2 a b\nquorum g",
  "group g any a b c\nquorum g",
  "group g all b c\ngroup h 1 g a\nquorum h",
];
export function policyOf(draw: Draw, { logKey, witnesses }: AgreeSample): string {
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
export function oddPolicy(draw: Draw, text: string): Buffer {
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
