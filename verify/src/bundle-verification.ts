import {
  type BundleManifest,
  type Findings,
  formatRuns,
  formatVerification,
  type LogVerification,
  type RunsSummary,
  unclosedLines,
} from "@runledger/contract";
import type { BundleAnchors } from "./bundle-anchors.ts";

/** What the verification of a bundle says. */
export interface BundleVerification extends LogVerification {
  bundle: Pick<BundleManifest, "export_id" | "selection" | "range" | "hidden" | "recipient"> | null;
  payloadsErased: number;
  /** Null where the bundle could not be read to its end. */
  runs: RunsSummary | null;
  anchors: BundleAnchors;
  /** What the verdict does not cover, in plain words. */
  notes: string[];
}

export function emptyVerification(findings: Findings): BundleVerification {
  return {
    verdict: "UNREADABLE",
    origin: null,
    treeSize: 0,
    rootHash: null,
    signedBy: [],
    entriesChecked: 0,
    payloadsChecked: null,
    sealedPayloads: null,
    checkpointsChecked: null,
    findings: findings.list,
    findingsTotal: 0,
    bundle: null,
    payloadsErased: 0,
    runs: null,
    anchors: { witnessed: null, stamped: null, shards: null },
    notes: [],
  };
}

/** What a reader of the verdict must know. */
export function notesOf(manifest: BundleManifest, runs: RunsSummary): string[] {
  const { selection, range, hidden, content } = manifest;
  const notes: string[] = [
    `Runs: ${formatRuns(runs)}.`,
    ...unclosedLines(runs).map((line) => line.trim().replace(/ +/, " ")),
  ];
  const open = runs.crashed + runs.still_running;
  if (open > 0) notes.push(`Not proven: that runs without an end have no more records (${open}).`);
  if (runs.not_numbered > 0)
    notes.push(`Not proven: that runs without numbered records are whole (${runs.not_numbered}).`);
  if (selection === "runs") {
    notes.push("Not proven: that no whole run was left out.");
  } else if (range !== null) {
    notes.push(`Nothing was left out of entries ${range[0]} to ${range[1] - 1} of the log${hidden ? "," : "."}`);
    if (hidden) notes.push(`… but ${hidden} that are shown as hashes only, said to be of other tenants.`);
    if (runs.partly_here > 0)
      notes.push(`Runs have records that lie outside of the range, or never arrived (${runs.partly_here}).`);
  }
  if (!content) notes.push("Contents were not exported: only facts and hashes were checked.");
  return notes;
}

/** What the directory, witnesses and time stamps say. */
export function notesOfAnchors({ witnessed, stamped, shards }: BundleAnchors, { log }: BundleManifest): string[] {
  const notes: string[] = [];
  if (witnessed !== null)
    notes.push(`Cosigned by ${witnessed.by.join(", ")}: the log's first ${witnessed.size} entries.`);
  if (stamped !== null)
    notes.push(`Time stamp of ${stamped.time}: the log's first ${stamped.size} entries were there.`);
  const others = (shards ?? []).filter(({ shard }) => shard !== log.shard);
  if (others.length > 0) {
    const names = others.map(({ shard, size }) => `${shard} (${size} entries)`).join(", ");
    notes.push(
      `This bundle is of shard ${log.shard}. The directory knows others, each with a bundle of its own: ${names}.`,
    );
  }
  return notes;
}

/** The verification as lines for a person. */
export function formatBundleVerification(verification: BundleVerification): string {
  const { bundle, payloadsErased, notes } = verification;
  const lines = formatVerification(verification)
    .split("\n")
    .filter((line) => !line.startsWith("  checkpoints"));
  const about =
    bundle === null ? [] : [`  bundle       ${bundle.export_id}, ${bundle.selection}, for ${bundle.recipient}`];
  const erased = payloadsErased === 0 ? [] : [`  erased       ${payloadsErased} payloads, by acts of the log`];
  const [verdict = "", ...rest] = lines;
  const shown = verification.verdict === "TAMPERED" ? [] : notes.map((note) => `  note         ${note}`);
  return [verdict, ...about, ...rest.slice(0, 4), ...erased, ...shown, ...rest.slice(4)]
    .map((line) => line.replace(/( {2}entries {6}\d+) of (\d+) checked/, "$1 of the log's $2 checked"))
    .join("\n");
}
