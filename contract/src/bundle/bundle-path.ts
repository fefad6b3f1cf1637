import { parseTilePath } from "../log/tile-path.ts";

/** Files of a bundle that stand alone (docs/bundle.md, "Files, in this order"). */
export const BUNDLE_FILES = {
  readme: "README.txt",
  manifest: "bundle.json",
  checkpoint: "checkpoint",
  anchors: "anchors.json",
  runs: "runs.json",
  summary: "summary.json",
  policies: "policies.json",
  sums: "SHA256SUMS",
} as const;
export const DERIVED_FILES = ["derived/runs.csv", "derived/runs.parquet", "derived/ocsf.jsonl", "derived/report.html"];

/** At most so many entries have proofs of their own. */
export const MAX_BUNDLE_PROOFS = 100;
export const MAX_LINES_PER_ENTRIES_FILE = 4_096;

/** So that the longest path fits into a header of the tar. */
export const MAX_BUNDLED_SHARD_CHARS = 60;
export const SHARD_IN_PATH = /^(?!\.)[A-Za-z0-9._-]+$/;

/** What a path of a bundle, or of a log's folder in it, stands for. */
type Place =
  | { kind: "single"; path: string }
  | { kind: "tile"; level: number; index: number; width: number }
  | { kind: "bundle"; index: number; width: number }
  | { kind: "entries" | "payload_lines" | "payload_bytes" | "proof"; index: number };
/** `shard`: the log in whose folder it lies, in a bundle of several; null outside of them. */
export type BundlePath = Place & { shard: string | null };

/** The folder of a log in a bundle of several; its files lie there as in a bundle of one. */
export function logFolder(shard: string): string {
  return `logs/${shard}/`;
}

export function entriesPath(firstIndex: number): string {
  return `entries/${digits(firstIndex)}.jsonl`;
}

export function payloadLinesPath(firstIndex: number): string {
  return `payloads/${digits(firstIndex)}.jsonl`;
}

export function payloadBytesPath(firstIndex: number): string {
  return `payloads/${digits(firstIndex)}.bin`;
}

export function proofPath(index: number): string {
  return `proofs/${digits(index)}.tlog-proof`;
}

const SINGLE: readonly string[] = [...Object.values(BUNDLE_FILES), ...DERIVED_FILES];
const NUMBERED: readonly [RegExp, "entries" | "payload_lines" | "payload_bytes" | "proof"][] = [
  [/^entries\/(\d{15})\.jsonl$/, "entries"],
  [/^payloads\/(\d{15})\.jsonl$/, "payload_lines"],
  [/^payloads\/(\d{15})\.bin$/, "payload_bytes"],
  [/^proofs\/(\d{15})\.tlog-proof$/, "proof"],
];

/** Null for every path that no bundle has. */
export function parseBundlePath(path: string): BundlePath | null {
  const [, shard, below = ""] = /^logs\/([^/]+)\/(.+)$/.exec(path) ?? [];
  if (shard === undefined) {
    const place = placeOf(path);
    return place && { ...place, shard: null };
  }
  if (!SHARD_IN_PATH.test(shard) || shard.length > MAX_BUNDLED_SHARD_CHARS) return null;
  const place = placeOf(below);
  return place === null || (place.kind === "single" && below !== BUNDLE_FILES.checkpoint) ? null : { ...place, shard };
}

function placeOf(path: string): Place | null {
  if (SINGLE.includes(path)) return { kind: "single", path };
  for (const [pattern, kind] of NUMBERED) {
    const index = pattern.exec(path)?.[1];
    if (index !== undefined) return { kind, index: Number(index) };
  }
  const tile = parseTilePath(path);
  if (tile === null) return null;
  const { level, index, width } = tile;
  return level === "entries" ? { kind: "bundle", index, width } : { kind: "tile", level, index, width };
}

const FIRST: readonly string[] = [BUNDLE_FILES.readme, BUNDLE_FILES.manifest];
const LAST: readonly string[] = [
  BUNDLE_FILES.runs,
  BUNDLE_FILES.summary,
  BUNDLE_FILES.policies,
  ...DERIVED_FILES,
  BUNDLE_FILES.sums,
];
/** Tiles, entries and payloads; then proofs. */
const GROUPS_OF_A_LOG = 2;

/**
 * The group that a file belongs to; groups come in this order: checkpoints, the directory's proofs, then all else of each log. Null: the bundle has no
 * such file. `shards`: of a bundle of several logs, in their order; null: of one.
 */
export function bundleGroup(place: BundlePath, shards: readonly string[] | null): number | null {
  const isSingle = place.kind === "single";
  const logs = shards?.length ?? 1;
  const anchors = FIRST.length + logs;
  if (isSingle && FIRST.includes(place.path)) return FIRST.indexOf(place.path);
  if (isSingle && place.path === BUNDLE_FILES.anchors) return anchors;
  if (isSingle && LAST.includes(place.path)) return anchors + 1 + GROUPS_OF_A_LOG * logs + LAST.indexOf(place.path);
  const log = shards === null ? (place.shard === null ? 0 : -1) : shards.indexOf(place.shard ?? "");
  if (log < 0) return null;
  if (isSingle) return FIRST.length + log;
  return anchors + 1 + GROUPS_OF_A_LOG * log + (place.kind === "proof" ? 1 : 0);
}

function digits(index: number): string {
  return String(index).padStart(15, "0");
}
