import { createCipheriv, createHash, createHmac } from "node:crypto";
import { deflateRawSync } from "node:zlib";
import {
  canonicalJson,
  DELTA_MEDIA_TYPE,
  leafHash,
  MESSAGES_MEDIA_TYPE,
  type PayloadRef,
  payloadId,
  SAME_PACK,
  signNote,
  type Verdict,
  verifyLog,
} from "@runledger/contract";
import { type AgreeSample, entriesOf, rootOf, signedAnew } from "./agree-sample.ts";
import type { AgreeCase } from "./agree-verifiers.ts";
import { change } from "./bundle-tar.ts";
import { changedMembers, type Json } from "./changed-members.ts";

/** One change that who holds all keys can make of a log's contents, everything else made to fit. */
export interface Falsehood {
  name: string;
  /** Only a store can tell: where the stored bytes lie, and what they are. */
  isOfStore: boolean;
  /** Of the content at `at`, what its entry, or a content that goes on from it, says of it. */
  ref?: { at: number; by: "entry" | "content"; to: Json };
  /** Of the content at `at`, what it is itself. */
  plaintext?: { at: number; to(plaintext: Buffer): Buffer };
}

interface Made {
  /** In its entry. */
  name: string;
  mediaType: string;
  seal: "clear" | "sealed" | "deflated";
  text(base: (at: number) => PayloadRef): Buffer;
}

const STATE = Buffer.from(JSON.stringify({ state: Array.from({ length: 110 }, (_, n) => `note ${n}`) }));
const LATER = Buffer.concat([STATE, Buffer.from(" and more")]);
const LATEST = Buffer.concat([Buffer.from("seen: "), LATER]);
const LIST = Buffer.from('[{"n":1},{"n":2},{"n":3}]');

/** Every form, each going on from what others hold: texts, differences to texts, differences and lists; lists after lists and differences. */
const CONTENTS: readonly Made[] = [
  text("input", "clear", STATE),
  difference("output", "clear", 0, [[0, STATE.length], 9], LATER, " and more"),
  difference("result", "clear", 1, [6, [0, LATER.length]], LATEST, "seen: "),
  list("messages", "clear", null, 0, '{"n":1}'),
  list("messages", "clear", 3, 1, '{"n":2},{"n":3}'),
  difference("messages", "clear", 4, [[0, 24], 9], Buffer.from('[{"n":1},{"n":2},{"n":3},{"n":4}]'), ',{"n":4}]'),
  list("messages", "clear", 5, 4, '{"n":5}'),
  text("input", "sealed", Buffer.from('{"q":1}')),
  text("output", "deflated", STATE),
  difference("result", "sealed", 8, [[0, STATE.length], 9], LATER, " and more"),
  difference(
    "response",
    "deflated",
    9,
    [2_000, [0, LATER.length]],
    Buffer.concat([Buffer.alloc(2_000, "x"), LATER]),
    "x".repeat(2_000),
  ),
  list("messages", "sealed", null, 0, '{"n":1}'),
  list("messages", "sealed", 11, 1, '{"n":2}'),
  text("messages", "clear", LIST),
  text("overflow", "clear", Buffer.from('{"attributes":{"long":"text"},"events":[{"name":"e"}]}')),
  text("overflow", "sealed", Buffer.from('{"attributes":{"long":"other"},"name":"of a record"}')),
];

function text(name: string, seal: Made["seal"], plaintext: Buffer): Made {
  return { name, seal, mediaType: "application/json", text: () => plaintext };
}

function difference(name: string, seal: Made["seal"], base: number, pieces: Json[], whole: Buffer, own: string): Made {
  const about = { pieces, sha256: sha256(whole), size_bytes: whole.length };
  const node = (ref: PayloadRef) => Buffer.from(`${canonicalJson({ base: ref, ...about })}\n${own}`);
  return { name, seal, mediaType: DELTA_MEDIA_TYPE, text: (of) => node(of(base)) };
}

function list(name: string, seal: Made["seal"], base: number | null, count: number, messages: string): Made {
  const node = (ref: PayloadRef | null) =>
    Buffer.from(`{"base":${canonicalJson(ref)},"base_count":${count},"messages":[${messages}]}`);
  return { name, seal, mediaType: MESSAGES_MEDIA_TYPE, text: (of) => node(base === null ? null : of(base)) };
}

/** Every member of every reference and of every head of a list or difference, changed in many ways; and bytes of contents. */
export function* falsehoods(): Generator<Falsehood> {
  for (const [at, { seal, mediaType }] of CONTENTS.entries()) {
    const honest = made({ name: "", isOfStore: false });
    const ref = { ...honest.refs[at], pack: SAME_PACK } as unknown as Json;
    for (const by of ["entry", "content"] as const)
      for (const { name, changed } of changedMembers([ref], { inflated_bytes: 7, key_id: "0".repeat(32), zzz: 1 })) {
        const isOfStore =
          /^(pack|offset) /.test(name) ||
          (seal !== "clear" && name.startsWith("sha256 ")) ||
          (seal === "deflated" && name.startsWith("size_bytes ")) ||
          (seal === "sealed" && name.startsWith("inflated_bytes "));
        yield {
          name: `content ${at}, its reference by an ${by}: ${name}`,
          isOfStore,
          ref: { at, by, to: changed[0] ?? null },
        };
      }
    yield* falsePlaintexts(at, mediaType, honest.plaintexts[at] ?? Buffer.of());
  }
}

function* falsePlaintexts(at: number, mediaType: string, honest: Buffer): Generator<Falsehood> {
  const of = (name: string, to: (plaintext: Buffer) => Buffer): Falsehood => ({
    name: `content ${at}: ${name}`,
    isOfStore: false,
    plaintext: { at, to },
  });
  yield of("empty", () => Buffer.of());
  yield of("a byte less", (plaintext) => plaintext.subarray(0, -1));
  yield of("a byte more", (plaintext) => Buffer.concat([plaintext, Buffer.from(" ")]));
  yield of("other last bytes", (plaintext) => Buffer.concat([plaintext.subarray(0, -2), Buffer.from("7]")]));
  if (mediaType === "application/json") return;
  const headOf = (plaintext: Buffer): Buffer =>
    plaintext.subarray(0, mediaType === DELTA_MEDIA_TYPE ? plaintext.indexOf(10) : plaintext.length);
  const head: Json = JSON.parse(headOf(honest).toString());
  for (const { name, changed } of changedMembers([head])) {
    // Where its base lies in the pack, and what is sealed there, only a store can tell.
    const isOfStore = /^base\.(pack|offset|sha256|size_bytes) /.test(name);
    const node = Buffer.from(canonicalJson(changed[0] ?? null));
    yield {
      ...of(name, (plaintext) => Buffer.concat([node, plaintext.subarray(headOf(plaintext).length)])),
      isOfStore,
    };
  }
}

interface Stored {
  plaintexts: Buffer[];
  /** As they are. */
  refs: PayloadRef[];
  /** As entries say. */
  told: Json[];
  keys: Map<string, Buffer>;
  pack: Buffer;
}

/** All contents with one thing false, in a pack. */
function made({ ref, plaintext }: Falsehood): Stored {
  const stored: Stored = { plaintexts: [], refs: [], told: [], keys: new Map(), pack: Buffer.of() };
  const bases: Json[] = [];
  for (const [at, { mediaType, seal, text }] of CONTENTS.entries()) {
    const honest = text((base) => bases[base] as unknown as PayloadRef);
    const bytes = plaintext?.at === at ? plaintext.to(honest) : honest;
    const { kept, more } = sealed(at, seal, bytes, stored.keys);
    const true_ = {
      media_type: mediaType,
      offset: stored.pack.length,
      pack: SAME_PACK,
      sha256: sha256(kept),
      size_bytes: kept.length,
      ...more,
    };
    stored.pack = Buffer.concat([stored.pack, kept]);
    stored.plaintexts.push(bytes);
    stored.refs.push(true_);
    bases.push(ref?.at === at && ref.by === "content" ? ref.to : true_);
  }
  const pack = sha256(stored.pack);
  stored.refs = stored.refs.map((each) => ({ ...each, pack }));
  stored.told = stored.refs.map((each, at) => {
    if (ref?.at !== at || ref.by !== "entry") return each as unknown as Json;
    const to = ref.to as { pack?: Json };
    return to.pack === SAME_PACK ? { ...to, pack } : to;
  }) as Json[];
  return stored;
}

/** With a key of its own, as `payload-seal.ts` seals. */
function sealed(at: number, seal: Made["seal"], plaintext: Buffer, keys: Map<string, Buffer>) {
  if (seal === "clear") return { kept: plaintext, more: {} };
  const key = createHash("sha512").update(`key ${at}`).digest();
  const salt = createHash("sha256").update(`salt ${at}`).digest().subarray(0, 16);
  const cipher = createCipheriv("aes-256-gcm", key.subarray(0, 32), Buffer.alloc(12));
  const inner = seal === "deflated" ? deflateRawSync(plaintext) : plaintext;
  const kept = Buffer.concat([salt, cipher.update(inner), cipher.final(), cipher.getAuthTag()]);
  keys.set(salt.toString("hex"), key);
  const commitment = createHmac("sha256", key.subarray(32)).update(plaintext).digest("hex");
  const inflated = seal === "deflated" ? { inflated_bytes: plaintext.length } : {};
  return { kept, more: { commitment, key_id: "a".repeat(32), ...inflated } };
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

const LINES = "payloads/000000000000000.jsonl";
const BYTES = "payloads/000000000000000.bin";

/** How a bundle has contents: only these in entries, the others as what they go on from; and in which order. */
export interface Arrangement {
  inEntries?(at: number): boolean;
  order?<T>(contents: readonly T[]): T[];
}

/** The sample's log with these contents in place of its own, signed anew: as a bundle, and what `verify` says of it as a store. */
export async function logOfContents(
  falsehood: Falsehood,
  sample: AgreeSample,
  { inEntries = () => true, order = (contents) => [...contents] }: Arrangement = {},
): Promise<AgreeCase & { store: Verdict }> {
  const stored = made(falsehood);
  stored.told = stored.told.map((ref, at) => (inEntries(at) ? ref : null));
  const entries = withContents(entriesOf(sample), stored.told);
  const sign = (signedText: string): Buffer => Buffer.from(signNote(signedText, [sample.signer]));
  const { lines, bytes } = bundled(stored, order);
  const whole = change(sample.bundles.whole, { [LINES]: () => lines, [BYTES]: () => bytes });
  const tar = signedAnew({ ...sample, bundles: { ...sample.bundles, whole } }, entries, sign);
  return {
    tar,
    policy: Buffer.from(`log ${sample.logKey}\nquorum none\n`),
    store: await storeVerdict(entries, stored, sample, sign),
  };
}

/** A content a step. */
function withContents(entries: readonly Buffer[], told: readonly Json[]): Buffer[] {
  const records = entries.map((entry) => JSON.parse(entry.toString()));
  for (const record of records) record.payloads = {};
  const steps = records.filter(({ event }) => event !== "act");
  for (const [at, ref] of told.entries()) {
    if (ref === null) continue;
    const { payloads } = steps.find((step) => !((CONTENTS[at]?.name ?? "") in step.payloads));
    payloads[CONTENTS[at]?.name ?? ""] = ref;
  }
  return records.map((record) => Buffer.from(canonicalJson(record)));
}

/** A line for each identity that anything refers to, as who makes the bundle fit would write it. */
function bundled(
  { plaintexts, refs, told, keys }: Stored,
  order: NonNullable<Arrangement["order"]>,
): { lines: Buffer; bytes: Buffer } {
  const contents = new Map<string, { plaintext: Buffer; line: object }>();
  const add = (ref: PayloadRef, at: number): void => {
    const { commitment, key_id, media_type, sha256: hash } = ref;
    const id = typeof media_type === "string" ? payloadId(ref) : "";
    if (contents.has(id)) return;
    const plaintext = plaintexts[at] ?? Buffer.of();
    const key = [...keys.values()].find((each) => each.equals(createHash("sha512").update(`key ${at}`).digest()));
    const seal =
      key === undefined && key_id === undefined
        ? {}
        : { commitment, key_id, payload_key: (key ?? Buffer.alloc(64)).toString("hex") };
    contents.set(id, { plaintext, line: { ...seal, length: plaintext.length, media_type, sha256: hash } });
  };
  for (const [at, ref] of told.entries())
    if (typeof ref === "object" && ref !== null) add(ref as unknown as PayloadRef, at);
  for (const [at, plaintext] of plaintexts.entries())
    for (const base of basesIn(plaintext)) {
      const of = refs.findIndex((ref) => ref.sha256 === base.sha256 || ref.offset === base.offset);
      if (of >= 0 && of !== at) add(base, of);
    }
  let [lines, bytes] = ["", Buffer.of()];
  for (const { plaintext, line } of order([...contents.values()])) {
    lines += `${canonicalJson({ ...line, offset: bytes.length })}\n`;
    bytes = Buffer.concat([bytes, plaintext]);
  }
  return { lines: Buffer.from(lines), bytes };
}

function basesIn(plaintext: Buffer): PayloadRef[] {
  try {
    const end = plaintext.indexOf(10);
    const { base } = JSON.parse(plaintext.subarray(0, end < 0 ? plaintext.length : end).toString());
    return typeof base === "object" && base !== null && "media_type" in base ? [base] : [];
  } catch {
    return [];
  }
}

async function storeVerdict(
  entries: readonly Buffer[],
  { pack, keys }: Stored,
  { checkpoints, logKey }: AgreeSample,
  sign: (text: string) => Buffer,
): Promise<Verdict> {
  const objects = logObjects(entries, checkpoints, sign);
  const packs = new Map([[sha256(pack), pack]]);
  const { verdict } = await verifyLog({
    read: async (path) => objects.get(path) ?? null,
    readPack: async (name) => packs.get(name) ?? null,
    findKey: async (_ref, salt) => keys.get(Buffer.from(salt).toString("hex")) ?? null,
    verifierKeys: [logKey],
  });
  return verdict;
}

/** A log of fewer than 256 entries. */
export function logObjects(
  entries: readonly Buffer[],
  checkpoints: readonly Buffer[],
  sign: (text: string) => Buffer,
): Map<string, Buffer> {
  const leaves = entries.map((entry) => Buffer.from(leafHash(entry)));
  const [origin] = checkpoints[0]?.toString().split("\n") ?? [];
  const bundle = entries.flatMap((entry) => [Buffer.of(entry.length >> 8, entry.length & 0xff), entry]);
  return new Map<string, Buffer>([
    ["checkpoint", sign(`${origin}\n${entries.length}\n${rootOf(leaves).toString("base64")}\n`)],
    [`tile/0/000.p/${entries.length}`, Buffer.concat(leaves)],
    [`tile/entries/000.p/${entries.length}`, Buffer.concat(bundle)],
  ]);
}
