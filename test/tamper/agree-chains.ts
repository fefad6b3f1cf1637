import { createHash } from "node:crypto";
import { canonicalJson, DELTA_MEDIA_TYPE, MESSAGES_MEDIA_TYPE, type PayloadRef, payloadId } from "@runledger/contract";
import { type AgreeSample, entriesOf, signedAnew } from "./agree-sample.ts";
import { change } from "./bundle-tar.ts";
import type { Draw } from "./odd-json.ts";

const LINES = "payloads/000000000000000.jsonl";
const BYTES = "payloads/000000000000000.bin";
/** More bases than one reader of ours once followed; as many bytes of texts as two readers remember; what they hold on to of a difference's pieces. */
const LONG_CHAIN = 10_100;
const LARGE_TEXT = 66 * 1024 * 1024;
const BROAD = 1_000;
/** In the order of their names, of which a list's may be another. */
const NAMES = ["arguments", "input", "output", "result"];
const MAX_SHOWN = 40;

interface Content {
  plaintext: Buffer;
  /** Whole. */
  text: Buffer;
  base: Content | null;
  /** Of an array of messages. */
  count: number | null;
  ref: PayloadRef;
}

/** Contents that go on from others, in long chains, broad differences and deep nesting, in place of the log's own; with a lie now and then. */
export function withChains(draw: Draw, sample: AgreeSample, sign: (text: string) => Buffer): Buffer {
  const contents = [draw.chance(0.5) ? textOf(draw) : listOn(draw, null)];
  for (let more = draw.below(12); more >= 0; more--) contents.push(...grown(draw, contents));
  const last = contents.at(-1);
  const shown = contents.filter((content) => content === last || draw.chance(0.8)).slice(-MAX_SHOWN);
  const records = entriesOf(sample).map((entry) => ({ ...JSON.parse(entry.toString()), payloads: {} }));
  const steps = records.filter(({ event }) => event !== "act");
  for (const [i, { count, ref }] of shown.entries()) {
    const isList = count !== null && i % NAMES.length === 1 && draw.chance(0.7);
    steps[Math.floor(i / NAMES.length)].payloads[isList ? "messages" : (NAMES[i % NAMES.length] ?? "")] = ref;
  }
  const entries = records.map((record) => Buffer.from(canonicalJson(record)));
  const files = change(sample.bundles.whole, bundled(shown));
  return signedAnew({ ...sample, bundles: { ...sample.bundles, whole: files } }, entries, sign);
}

/** These, and all that they go on from, each once. */
function bundled(shown: readonly Content[]): Record<string, () => Buffer> {
  const placed = new Map<string, Content>();
  for (const content of shown)
    for (let at: Content | null = content; at !== null && !placed.has(payloadId(at.ref)); at = at.base)
      placed.set(payloadId(at.ref), at);
  let offset = 0;
  const lines = [...placed.values()].map(({ ref: { media_type, sha256 }, plaintext: { length } }) => {
    offset += length;
    return `${canonicalJson({ length, media_type, offset: offset - length, sha256 })}\n`;
  });
  return {
    [LINES]: () => Buffer.from(lines.join("")),
    [BYTES]: () => Buffer.concat([...placed.values()].map(({ plaintext }) => plaintext)),
  };
}

/** What goes on from one of these: mostly one content more. */
function grown(draw: Draw, contents: readonly Content[]): Content[] {
  const base = draw.chance(0.6) ? (contents.at(-1) as Content) : draw.of(contents);
  if (draw.chance(0.004)) return long(draw, base);
  if (draw.chance(0.004)) return evicting(base);
  const isList = base.count !== null && draw.chance(0.5);
  return [isList ? listOn(draw, base) : differenceTo(base, piecesOf(draw, base), draw)];
}

function textOf(draw: Draw): Content {
  const text = Buffer.from(draw.of(["", "x", "größer", "0123456789".repeat(500), "[1]", "[[1,2],3]"]));
  return made("text/plain", text, { text, base: null, count: countOf(text) });
}

function listOn(draw: Draw, base: Content | null): Content {
  const deep = nested(draw.of([3, 600, 1_001, 20_000]));
  const messages = Array.from({ length: draw.below(3) }, () => (draw.chance(0.03) ? deep : '{"n":1}'));
  const before = (base?.count ?? 0) + (draw.chance(0.03) ? 1 : 0);
  const told = draw.chance(0.02) ? deep : canonicalJson(base?.ref ?? null);
  const own = messages.join(",");
  const plaintext = Buffer.from(`{"base":${told},"base_count":${before},"messages":[${own}]}`);
  const earlier = base?.text.subarray(1, -1).toString() ?? "";
  const text = Buffer.from(`[${[earlier, own].filter((each) => each !== "").join(",")}]`);
  return made(MESSAGES_MEDIA_TYPE, plaintext, { text, base, count: (base?.count ?? 0) + messages.length });
}

type Piece = Buffer | [number, number];

function piecesOf(draw: Draw, { text, count }: Content): Piece[] {
  const { length } = text;
  if (count !== null && draw.chance(0.4)) return [[0, length]];
  const pieces = draw.chance(0.2) ? BROAD : 1 + draw.below(6);
  return Array.from({ length: pieces }, (_, i): Piece => {
    if (draw.chance(0.1)) return Buffer.from("own");
    const from = draw.below(length + 1);
    const room = Math.min(length - from, Math.ceil(2_000_000 / pieces));
    const beyond = i === 0 && draw.chance(0.02) ? 1 : 0;
    return [from, draw.chance(0.5) ? room + beyond : draw.below(room + 1)];
  });
}

function differenceTo(base: Content, pieces: readonly Piece[], draw?: Draw): Content {
  const parts = pieces.map((piece) =>
    Buffer.isBuffer(piece) ? piece : base.text.subarray(piece[0], piece[0] + piece[1]),
  );
  const text = Buffer.concat(parts);
  const lie = draw?.chance(0.03) === true ? "lie" : "";
  const head = canonicalJson({
    base: base.ref,
    pieces: pieces.map((piece) => (Buffer.isBuffer(piece) ? piece.length : piece)),
    sha256: createHash("sha256").update(text).update(lie).digest("hex"),
    size_bytes: pieces.reduce((sum, piece) => sum + (Buffer.isBuffer(piece) ? piece.length : piece[1]), 0),
  });
  const plaintext = Buffer.concat([Buffer.from(`${head}\n`), ...pieces.filter((piece) => Buffer.isBuffer(piece))]);
  return made(DELTA_MEDIA_TYPE, plaintext, { text, base, count: countOf(text) });
}

/** Lists, or lists and differences by turns. */
function long(draw: Draw, base: Content): Content[] {
  const chain = [differenceTo(base, [Buffer.from("[]")])];
  const turns = draw.chance(0.5);
  for (let i = 0; i < (turns ? LONG_CHAIN / 5 : LONG_CHAIN); i++) {
    const last = chain.at(-1) as Content;
    const node = Buffer.from(`{"base":${canonicalJson(last.ref)},"base_count":${last.count},"messages":[]}`);
    const list = () => made(MESSAGES_MEDIA_TYPE, node, { text: last.text, base: last, count: last.count });
    chain.push(turns && i % 2 === 0 ? differenceTo(last, [[0, last.text.length]]) : list());
  }
  const top = chain.at(-1) as Content;
  return [...chain, differenceTo(top, [[0, top.text.length]])];
}

/** Texts so large that readers forget what they remember of others, then a broad difference to one that they forgot. */
function evicting(base: Content): Content[] {
  const broad = differenceTo(base, everyByteOf(base));
  const seed = differenceTo(base, [Buffer.alloc(LARGE_TEXT / 512, "y")]);
  const often = Array.from({ length: 512 }, (): Piece => [0, seed.text.length]);
  const large = ["", "z"].map((more) => differenceTo(seed, [...often, Buffer.from(more)]));
  return [
    broad,
    seed,
    ...large,
    differenceTo(
      broad,
      Array.from({ length: BROAD }, (): Piece => [0, broad.text.length]),
    ),
  ];
}

function everyByteOf({ text }: Content): Piece[] {
  return Array.from(
    { length: BROAD },
    (_, i): Piece => [i % (text.length + 1), i % (text.length + 1) < text.length ? 1 : 0],
  );
}

function nested(depth: number): string {
  return "[".repeat(depth) + "]".repeat(depth);
}

/** Of a JSON array of messages, or null. */
function countOf(text: Buffer): number | null {
  if (text[0] !== 0x5b || text.length > 10_000) return null;
  try {
    const parsed = JSON.parse(text.toString());
    return Array.isArray(parsed) ? parsed.length : null;
  } catch {
    return null;
  }
}

function made(media_type: string, plaintext: Buffer, whole: Pick<Content, "text" | "base" | "count">): Content {
  const sha256 = createHash("sha256").update(plaintext).digest("hex");
  return {
    ...whole,
    plaintext,
    ref: { media_type, offset: 0, pack: "1".repeat(64), sha256, size_bytes: plaintext.length },
  };
}
