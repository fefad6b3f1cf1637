import { createHash, createHmac, randomBytes } from "node:crypto";
import {
  createDigestSet,
  type DigestSet,
  type Findings,
  LogError,
  MAX_TEXT_BYTES,
  type PayloadLine,
  type PayloadRef,
  parsePayloadLine,
  payloadBase,
  payloadBytesPath,
  payloadId,
  payloadLinesPath,
} from "@runledger/contract";
import { createBundleContents } from "./bundle-contents.ts";
import type { PlacedRecord } from "./bundle-entries.ts";
import { createErasureDates, type Erasure } from "./bundle-erasures.ts";
import type { BundleFile } from "./bundle-file.ts";
import type { Destruction } from "./bundle-selection.ts";
import { createByteReader } from "./byte-reader.ts";

/** What the acts of all logs of the bundle say of keys. */
export interface ActsOnKeys<Shard> {
  /** The act at an index of a log (null: of this one), if it says that it destroyed the key. */
  destructionBy(shard: Shard, index: number, keyId: string): Destruction | null;
  /** The entry of an erasure that says so, for a person. */
  erasureOf(keyId: string): string | null;
}

/** The payloads of a bundle: each is what an entry, or a payload that an entry refers to, commits to. */
export interface BundlePayloads {
  /** An entries file was read whose records refer to payloads. Settles the one before. */
  expect(firstIndex: number, records: readonly PlacedRecord[]): Promise<void>;
  lines(firstIndex: number, sizeBytes: number, content: AsyncIterable<Uint8Array>): Promise<void>;
  bytes(firstIndex: number, sizeBytes: number, content: AsyncIterable<Uint8Array>): Promise<void>;
  finish(acts: ActsOnKeys<string | null>): void;
  /** After that: of acts that are older than what they are said to have erased. */
  notesOfErasures(): string[];
  /** After the last file of this log: settles, and lets go of what was kept. */
  settle(): Promise<void>;
  /** Whether it was settled or not. */
  close(): Promise<void>;
  readonly checked: number;
  readonly erased: number;
}

interface Part {
  firstIndex: number;
  records: readonly PlacedRecord[];
  /** By identity. */
  needed: Map<string, Needed>;
  /** Of payloads that are here: what each goes on from. */
  bases: Map<string, PayloadRef>;
  lines: PayloadLine[] | null;
  /** Identity to the media type that its line says. */
  provided: Map<string, string>;
  bytesRead: boolean;
}
interface Needed {
  /** Who needs it first. */
  by: string;
  /** The entry that does, for a base that of what goes on from it. */
  entry: PlacedRecord;
  /** Of all references to it. */
  mediaTypes: Set<string>;
}
type Placed = Extract<PayloadLine, { length: number }>;

const MAX_LINE_BYTES = 10_000;
const MAX_LINES = 4_000_000;
/** All of a file are in memory at once. */
const MAX_LINES_BYTES = 512 * 1024 * 1024;
const MAX_KEYS = 200_000;

export function createBundlePayloads(isExpected: boolean, findings: Findings): BundlePayloads {
  const seen = createDigestSet(randomBytes(16));
  let contents = createBundleContents(findings);
  const erasures = new Map<string, Erasure>();
  const opened = new Set<string>();
  const dated = createErasureDates();
  let part: Part | null = null;
  let checked = 0;
  let erased = 0;

  const settle = async (): Promise<void> => {
    if (part === null) return;
    needBases(part);
    settlePart(part, seen, findings);
    noteErased(part, erasures);
    for (const { record } of part.records) await contents.check(record);
    part = null;
  };
  const isOutOfPlace = (firstIndex: number, path: string, fits: (part: Part) => boolean): boolean => {
    if (isExpected && part?.firstIndex === firstIndex && fits(part)) return false;
    findings.add("TAMPERED", path, isExpected ? "it is out of place" : "the bundle is said to be without contents");
    return true;
  };
  return {
    async expect(firstIndex, records) {
      await settle();
      part = newPart(firstIndex, isExpected ? records : []);
    },
    async lines(firstIndex, sizeBytes, content) {
      const path = payloadLinesPath(firstIndex);
      if (isOutOfPlace(firstIndex, path, (each) => each.lines === null) || part === null) return;
      part.lines = await readLines({ path, sizeBytes, content }, findings);
      for (const line of part.lines) {
        const id = payloadId(line);
        if (part.provided.has(id)) findings.add("TAMPERED", path, `the payload ${line.sha256} is there twice`);
        part.provided.set(id, line.media_type);
        if ("missing" in line)
          findings.add("INCOMPLETE", path, `the payload ${line.sha256} was not to be had: ${line.missing}`);
        if ("erased_by" in line) erased++;
      }
    },
    async bytes(firstIndex, sizeBytes, content) {
      const path = payloadBytesPath(firstIndex);
      if (isOutOfPlace(firstIndex, path, (each) => each.lines !== null && !each.bytesRead) || part === null) return;
      part.bytesRead = true;
      const placed = (part.lines ?? []).filter((line): line is Placed => "length" in line);
      if (!areContiguous(placed, sizeBytes)) {
        findings.add("TAMPERED", path, "it is not made of the payloads that its lines say");
        return;
      }
      const reader = createByteReader(content);
      for (const line of placed) {
        const plaintext = await reader.take(line.length);
        checked++;
        if (!isGenuine(line, plaintext)) {
          findings.add("TAMPERED", path, `the payload ${line.sha256} is not what its entry was logged with`);
          continue;
        }
        await contents.add(payloadId(line), plaintext);
        if ("key_id" in line && opened.size < MAX_KEYS) opened.add(line.key_id);
        const base = baseOf(line, plaintext, path, findings);
        if (base !== null) part.bases.set(payloadId(line), base);
      }
    },
    async settle() {
      await settle();
      await contents.close();
      contents = createBundleContents(findings);
    },
    finish(acts) {
      for (const erasure of erasures.values()) {
        const destruction = acts.destructionBy(erasure.shard, erasure.index, erasure.keyId);
        if (destruction === null) reportErasure(erasure, findings);
        else dated.add(erasure, destruction);
      }
      for (const keyId of opened) checkOpened(keyId, acts, findings);
    },
    notesOfErasures: dated.notes,
    close: () => contents.close(),
    get checked() {
      return checked;
    },
    get erased() {
      return erased;
    },
  };
}

function newPart(firstIndex: number, records: readonly PlacedRecord[]): Part {
  const [needed, bases, provided] = [new Map(), new Map(), new Map()];
  const part: Part = { firstIndex, records, needed, bases, lines: null, provided, bytesRead: false };
  for (const entry of records)
    for (const [name, ref] of Object.entries(entry.record.payloads))
      need(part, ref, `record ${entry.record.record_id}, payload ${name}`, entry);
  return part;
}

function need({ needed }: Part, ref: PayloadRef, by: string, entry: PlacedRecord): void {
  const known = needed.get(payloadId(ref));
  if (known === undefined) needed.set(payloadId(ref), { by, entry, mediaTypes: new Set([ref.media_type]) });
  else known.mediaTypes.add(ref.media_type);
}

/** What entries need goes on from other payloads, and these from others, in whatever order they stand. */
function needBases(part: Part): void {
  for (const [id, { entry }] of [...part.needed])
    for (let by = id, base = part.bases.get(by); base !== undefined; base = part.bases.get(by)) {
      const isKnown = part.needed.has(payloadId(base));
      need(part, base, `payload ${by.slice(0, 64)}, its base`, entry);
      if (isKnown) break;
      by = payloadId(base);
    }
}

/** By the part's lines, once all that its contents go on from is known. */
function noteErased({ lines, needed }: Part, erasures: Map<string, Erasure>): void {
  for (const line of lines ?? []) {
    if (!("erased_by" in line)) continue;
    const shard = "erased_in" in line ? line.erased_in : null;
    const { erased_by: index, key_id: keyId } = line;
    const name = `${index} ${keyId} ${shard}`;
    const erasure = erasures.get(name) ?? { shard, index, keyId, contents: [] };
    erasures.set(name, erasure);
    const entry = needed.get(payloadId(line))?.entry;
    if (entry !== undefined)
      erasure.contents.push({ index: entry.index, receivedMs: Date.parse(entry.record.received_time) });
  }
}

function reportErasure({ shard, index, keyId }: Erasure, findings: Findings): void {
  const entry = `entry ${index}${shard === null ? "" : ` of ${shard}`}`;
  const what = `payloads are said to be erased by ${entry}, which is not there or does not say so`;
  findings.add("INCOMPLETE", `key ${keyId}`, what);
}

function checkOpened(keyId: string, acts: ActsOnKeys<string | null>, findings: Findings): void {
  const erasure = acts.erasureOf(keyId);
  if (erasure === null) return;
  const what = `${erasure} says that it was destroyed, and what it sealed is here: the erasure was not finished, or an old copy of the keys was put back`;
  findings.add("INCOMPLETE", `key ${keyId}`, what);
}

/** Is all there that is needed, described as its references do, and nothing else? */
function settlePart(
  { firstIndex, needed, lines, provided, bytesRead }: Part,
  seen: DigestSet,
  findings: Findings,
): void {
  const path = payloadLinesPath(firstIndex);
  if (lines !== null && !bytesRead) findings.add("INCOMPLETE", payloadBytesPath(firstIndex), "it is missing");
  for (const [id, { by }] of needed) {
    if (!provided.has(id) && !seen.has(id)) findings.add("INCOMPLETE", by, `the payload ${id.slice(0, 64)} is missing`);
  }
  for (const [id, mediaType] of provided) {
    const name = id.slice(0, 64);
    const reference = needed.get(id);
    if (reference === undefined)
      findings.add("TAMPERED", path, `nothing refers to the payload ${name} as it is described here`);
    else if (!reference.mediaTypes.has(mediaType))
      findings.add("TAMPERED", path, `the payload ${name} is said to be ${mediaType}, and no reference to it says so`);
    if (!seen.add(id)) findings.add("TAMPERED", path, `the payload ${name} is there twice`);
  }
}

async function readLines({ path, sizeBytes, content }: BundleFile, findings: Findings): Promise<PayloadLine[]> {
  if (sizeBytes > MAX_LINES_BYTES) {
    findings.add("TAMPERED", path, `it has more than ${MAX_LINES_BYTES} bytes`);
    return [];
  }
  const reader = createByteReader(content);
  const lines: PayloadLine[] = [];
  try {
    for (let text = await reader.line(MAX_LINE_BYTES); text !== null; text = await reader.line(MAX_LINE_BYTES)) {
      const line = parsePayloadLine(text);
      if (line === null || lines.length === MAX_LINES) {
        findings.add("TAMPERED", path, `line ${lines.length + 1} is none of a payload`);
        break;
      }
      lines.push(line);
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    findings.add("TAMPERED", path, error.message);
  }
  return lines;
}

/** And each of a size that may be taken into memory. */
function areContiguous(placed: readonly Placed[], sizeBytes: number): boolean {
  let at = 0;
  for (const { offset, length } of placed) {
    if (offset !== at || length > MAX_TEXT_BYTES) return false;
    at += length;
  }
  return at === sizeBytes;
}

/** The base that the payload goes on from; null where it has none, or after a finding. */
function baseOf(line: Placed, plaintext: Buffer, path: string, findings: Findings): PayloadRef | null {
  try {
    const ref = { ...line, size_bytes: line.length, pack: "", offset: Number.POSITIVE_INFINITY };
    return payloadBase(ref, plaintext);
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    findings.add("TAMPERED", path, error.message);
    return null;
  }
}

function isGenuine(line: Placed, plaintext: Buffer): boolean {
  if (!("payload_key" in line)) return createHash("sha256").update(plaintext).digest("hex") === line.sha256;
  const key = Buffer.from(line.payload_key, "hex").subarray(32);
  return createHmac("sha256", key).update(plaintext).digest("hex") === line.commitment;
}
