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

/** What a path of a bundle stands for. */
export type BundlePath =
  | { kind: "single"; path: string }
  | { kind: "tile"; level: number; index: number; width: number }
  | { kind: "bundle"; index: number; width: number }
  | { kind: "entries" | "payload_lines" | "payload_bytes" | "proof"; index: number };

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

/** The group that a file belongs to: groups come in this order. */
export function bundleGroup(path: BundlePath): number {
  if (path.kind === "proof") return 5;
  if (path.kind !== "single") return 4;
  const first: readonly string[] = [
    BUNDLE_FILES.readme,
    BUNDLE_FILES.manifest,
    BUNDLE_FILES.checkpoint,
    BUNDLE_FILES.anchors,
  ];
  const last: readonly string[] = [
    BUNDLE_FILES.runs,
    BUNDLE_FILES.summary,
    BUNDLE_FILES.policies,
    ...DERIVED_FILES,
    BUNDLE_FILES.sums,
  ];
  return first.includes(path.path) ? first.indexOf(path.path) : 6 + last.indexOf(path.path);
}

function digits(index: number): string {
  return String(index).padStart(15, "0");
}
