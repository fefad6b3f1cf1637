import { createHash, type Hash as Hasher } from "node:crypto";
import {
  type AttestedHead,
  type BundledLog,
  createLeafHasher,
  createReceivedTimes,
  entriesPath,
  entryBundlePath,
  type Findings,
  type Hash,
  hashesEqual,
  LogError,
  MAX_BUNDLE_PROOFS,
  MAX_LINES_PER_ENTRIES_FILE,
  parseLogEntry,
  type ReceivedTimes,
  type RunCompleteness,
  type RunFactsOfEntries,
  type RunledgerRecord,
  TILE_WIDTH,
  tileWidth,
} from "@runledger/contract";
import type { SelectionCheck } from "./bundle-selection.ts";
import type { BundleTiles } from "./bundle-tiles.ts";
import { createByteReader } from "./byte-reader.ts";

/** The entries of a bundle: each proven by its tile, its facts added up. */
export interface BundleEntries {
  /** A whole entries file. Gives the records whose payloads must be in the bundle. */
  read(firstIndex: number, content: AsyncIterable<Uint8Array>): Promise<PlacedRecord[]>;
  /** The SHA-256 of a bundle of entries as tlog-tiles has it; it stands before its entries. */
  expectBundle(index: number, width: number, sha256: string): void;
  /** Of the first MAX_BUNDLE_PROOFS. */
  readonly leaves: ReadonlyMap<number, Hash>;
  readonly count: number;
  /** -1: none was read. */
  readonly lastIndex: number;
  /** The latest `received_time` of those that are proven; empty: none is. */
  readonly newestReceived: string;
  /** How many hold what this version does not know. */
  readonly later: number;
  /** Once, after the last: of times of receipt that do not fit. */
  notesOfTimes(): string[];
  finish(): void;
}

export interface PlacedRecord {
  index: number;
  record: RunledgerRecord;
}

const MAX_LINE_BYTES = 70_000;
/** Its length has two bytes in a store. */
const MAX_ENTRY_BYTES = 0xffff;

/** What an entry is told to: the log's own parts, and what all logs of the bundle have in common. */
export interface EntryParts {
  tiles: BundleTiles;
  selection: SelectionCheck;
  /** Complete before the first entry is read. */
  attested: readonly AttestedHead[];
  facts: RunFactsOfEntries;
  runs: RunCompleteness;
}

export function createBundleEntries(
  { shard, tree_size }: BundledLog,
  { tiles, selection, attested, facts, runs }: EntryParts,
  findings: Findings,
  onEntries: (count: number) => void,
): BundleEntries {
  const leaves = new Map<number, Hash>();
  const hashLeaf = createLeafHasher();
  const bundles = createBundleCheck(tree_size, findings);
  let lastIndex = -1;
  let count = 0;
  let newestReceived = "";
  let later = 0;
  let times: ReceivedTimes | null = null;

  /** A line's record, if it is one that counts; null after a finding, or beside the selection. */
  const checkLine = (line: Buffer, path: string, number: number): PlacedRecord | null => {
    const place = placeOf(line);
    if (place === null || place.index <= lastIndex) {
      findings.add("TAMPERED", path, `line ${number} is no entry with an index, or out of order`);
      return null;
    }
    const { index, entry } = place;
    lastIndex = index;
    count++;
    const leaf = hashLeaf(entry);
    if (leaves.size < MAX_BUNDLE_PROOFS) leaves.set(index, leaf);
    bundles.add(index, entry);
    const expected = tiles.leaf(index);
    if (expected === null) return null;
    if (entry.length > MAX_ENTRY_BYTES) {
      findings.add("TAMPERED", `entry ${index}`, "it is longer than entries of a log can be");
      return null;
    }
    if (!hashesEqual(leaf, expected)) {
      findings.add("TAMPERED", `entry ${index}`, "it is not what its tile says");
      return null;
    }
    const record = parsed(index, entry, () => later++, findings);
    if (record === null) return null;
    if (record.received_time > newestReceived) newestReceived = record.received_time;
    if (!selection.add(index, record)) return null;
    facts.add(index, record, shard);
    runs.add(record);
    times ??= createReceivedTimes(attested);
    times.add(index, record.received_time);
    return { index, record };
  };
  return {
    async read(firstIndex, content) {
      const path = entriesPath(firstIndex);
      const reader = createByteReader(content);
      const records: PlacedRecord[] = [];
      let lines = 0;
      for (
        let line = await lineOf(reader, path, findings);
        line !== null;
        line = await lineOf(reader, path, findings)
      ) {
        lines++;
        if (lines === 1 && placeOf(line)?.index !== firstIndex)
          findings.add("TAMPERED", path, "it does not begin with the entry that it is named after");
        if (lines > MAX_LINES_PER_ENTRIES_FILE) {
          findings.add("TAMPERED", path, "it has too many lines");
          break;
        }
        const record = checkLine(line, path, lines);
        if (record !== null) records.push(record);
      }
      if (lines === 0) findings.add("TAMPERED", path, "it is empty");
      onEntries(count);
      return records;
    },
    expectBundle: bundles.expect,
    leaves,
    get count() {
      return count;
    },
    get lastIndex() {
      return lastIndex;
    },
    get later() {
      return later;
    },
    get newestReceived() {
      return newestReceived;
    },
    notesOfTimes: () => times?.finish() ?? [],
    finish: bundles.finish,
  };
}

async function lineOf(
  reader: ReturnType<typeof createByteReader>,
  path: string,
  findings: Findings,
): Promise<Buffer | null> {
  try {
    return await reader.line(MAX_LINE_BYTES);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    findings.add("TAMPERED", path, error.message);
    return null;
  }
}

/** Of `[<index>,<entry>]`. */
function placeOf(line: Buffer): { index: number; entry: Uint8Array } | null {
  const comma = line.indexOf(",");
  const index = /^\[(0|[1-9]\d{0,14})$/.exec(line.toString("latin1", 0, Math.max(0, comma)))?.[1];
  if (index === undefined || line.at(-1) !== "]".charCodeAt(0)) return null;
  return { index: Number(index), entry: line.subarray(comma + 1, -1) };
}

function parsed(index: number, entry: Uint8Array, onLater: () => void, findings: Findings): RunledgerRecord | null {
  try {
    return parseLogEntry(entry, onLater);
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    findings.add("TAMPERED", `entry ${index}`, error.message);
    return null;
  }
}

/** Compares `tile/entries/…` with the entries, whose bytes are all in there once more. */
function createBundleCheck(treeSize: number, findings: Findings) {
  const expected = new Map<number, string>();
  let expectedTotal = 0;
  let current: { index: number; hash: Hasher } | null = null;

  const close = (): void => {
    if (current === null) return;
    const { index, hash } = current;
    current = null;
    const sha256 = expected.get(index);
    expected.delete(index);
    if (sha256 !== undefined && hash.digest("hex") !== sha256) {
      const path = entryBundlePath(index, tileWidth(0, index, treeSize));
      findings.add("TAMPERED", path, "it does not hold the entries of entries/");
    }
  };
  return {
    expect(index: number, width: number, sha256: string): void {
      expectedTotal++;
      if (expected.has(index) || width !== tileWidth(0, index, treeSize))
        findings.add("TAMPERED", entryBundlePath(index, width), "it is there twice, or not of this tree");
      else expected.set(index, sha256);
    },
    add(index: number, entry: Uint8Array): void {
      const bundle = Math.floor(index / TILE_WIDTH);
      if (current?.index !== bundle) close();
      current ??= { index: bundle, hash: createHash("sha256") };
      current.hash.update(Buffer.of(entry.length >> 8, entry.length & 0xff)).update(entry);
    },
    finish(): void {
      close();
      for (const index of expected.keys())
        findings.add(
          "TAMPERED",
          entryBundlePath(index, tileWidth(0, index, treeSize)),
          "its entries are not in entries/",
        );
      const all = Math.ceil(treeSize / TILE_WIDTH);
      if (expectedTotal > 0 && expectedTotal < all)
        findings.add("INCOMPLETE", "tile/entries", `it has ${expectedTotal} of ${all} bundles`);
    },
  };
}
