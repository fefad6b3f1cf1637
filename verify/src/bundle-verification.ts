import {
  BUNDLE_FILES,
  type BundledLog,
  type BundleManifest,
  bundledLogs,
  DERIVED_FILES,
  type Findings,
  formatRuns,
  formatVerification,
  type LogVerification,
  logName,
  noteOfLater,
  notesOfUnfollowed,
  type RunsSummary,
  unclosedLines,
} from "@runledger/contract";
import type { DirectoryView, LogAnchors } from "./bundle-anchors.ts";
import type { BundleLogCheck } from "./bundle-log.ts";
import { namesAll, type RecordedLog } from "./directory-head.ts";

/** What the verification of a bundle says. Of several logs: `treeSize`, counts and `signedBy` are of all, `origin` and `rootHash` null. */
export interface BundleVerification extends LogVerification {
  bundle: BundleWords | null;
  /** In order of their shards; those whose checkpoint is there. */
  logs: BundledLogVerification[];
  payloadsErased: number;
  /** Null where the bundle could not be read to its end. */
  runs: RunsSummary | null;
  anchors: BundleAnchors;
  /** What the verdict does not cover, in plain words. */
  notes: string[];
}

export interface BundleWords {
  export_id: string;
  recipient: string;
  selection: "log" | "range" | "runs";
  /** How many it is said to be of. */
  logs: number;
  /** Of one log; null: of several, each with its own. */
  range: [number, number] | null;
  hidden: number | null;
}

export interface BundledLogVerification
  extends Pick<BundledLog, "shard" | "selection" | "range" | "hidden">,
    LogAnchors {
  origin: string;
  treeSize: number;
  rootHash: string;
  signedBy: string[];
  entriesChecked: number;
  payloadsChecked: number | null;
  payloadsErased: number;
}

/** Of one log what others attest of it. `shards`: all that the directory recorded, by its own word; null: the bundle does not tell. */
export interface BundleAnchors extends LogAnchors {
  shards: Pick<RecordedLog, "shard" | "origin" | "size">[] | null;
}

export interface VerifiedParts {
  manifest: BundleManifest | null;
  /** Paths of the files that stand alone and are there. */
  files: ReadonlySet<string>;
  logs: readonly BundleLogCheck[];
  runs: RunsSummary | null;
  directory: DirectoryView;
  /** Origins of logs whose keys the caller gave and that may have been left out. */
  untold: readonly string[];
  /** The caller named a time stamping authority. */
  asksForStamps: boolean;
}

export function verificationOf(
  { manifest, files, logs, runs, directory, untold, asksForStamps }: VerifiedParts,
  findings: Findings,
): BundleVerification {
  const each = logs.map((log) => logVerification(log, manifest?.content === true));
  const only = each.length === 1 && manifest?.format === "runledger-bundle/1" ? each[0] : undefined;
  const { origin = null, rootHash = null } = only ?? {};
  const { witnessed = null, stamped = null } = only ?? {};
  return {
    verdict: findings.verdict(),
    ...{ origin, rootHash },
    treeSize: sum(each.map(({ treeSize }) => treeSize)),
    signedBy: [...new Set(each.flatMap(({ signedBy }) => signedBy))],
    entriesChecked: sum(each.map(({ entriesChecked }) => entriesChecked)),
    payloadsChecked: manifest?.content === true ? sum(each.map((log) => log.payloadsChecked ?? 0)) : null,
    sealedPayloads: null,
    checkpointsChecked: null,
    findings: findings.list,
    findingsTotal: findings.total,
    bundle: manifest && each.length > 0 ? wordsOf(manifest) : null,
    logs: each,
    payloadsErased: sum(each.map(({ payloadsErased }) => payloadsErased)),
    runs,
    anchors: { witnessed, stamped, shards: shardsOf(directory) },
    notes:
      manifest && runs
        ? [
            ...notesOf(manifest, runs),
            ...notesOfNames(each),
            ...notesOfAnchors(manifest, each, directory, asksForStamps),
            ...noteOfUntold(untold),
            ...notesOfLogs(logs),
            ...noteOfLater(sum(logs.map(({ entries }) => entries.later))),
            noteOfUnchecked(files),
          ]
        : [],
  };
}

function shardsOf({ head }: DirectoryView): BundleAnchors["shards"] {
  return head?.recorded.map(({ shard, origin, size }) => ({ shard, origin, size })) ?? null;
}

function wordsOf(manifest: BundleManifest): BundleWords {
  const { export_id, recipient } = manifest;
  const logs = bundledLogs(manifest);
  const selection = logs.find((log) => log.selection !== "log")?.selection ?? "log";
  const { range = null, hidden = null } = logs.length === 1 ? (logs[0] ?? {}) : {};
  return { export_id, recipient, selection, logs: logs.length, range, hidden };
}

function logVerification(
  { log, head, anchors, entries, payloads }: BundleLogCheck,
  hasContent: boolean,
): BundledLogVerification {
  const { shard, selection, range, hidden } = log;
  const { origin, size, root, signedBy } = head;
  return {
    ...{ shard, origin, treeSize: size, rootHash: Buffer.from(root).toString("base64"), signedBy },
    ...{ selection, range, hidden },
    entriesChecked: entries.count,
    payloadsChecked: hasContent ? payloads.checked : null,
    payloadsErased: payloads.erased,
    ...anchors,
  };
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}

/** What a reader of the verdict must know. */
function notesOf(manifest: BundleManifest, runs: RunsSummary): string[] {
  const notes: string[] = [
    `Runs: ${formatRuns(runs)}.`,
    ...unclosedLines(runs).map((line) => line.trim().replace(/ +/, " ")),
    ...runs.notes,
  ];
  const open = runs.crashed + runs.still_running;
  if (open > 0) notes.push(`Not proven: that runs without an end have no more records (${open}).`);
  if (runs.not_numbered > 0)
    notes.push(`Not proven: that runs without numbered records are whole (${runs.not_numbered}).`);
  notes.push(...notesOfUnfollowed(runs));
  const asked = Object.entries(manifest.filter)
    .flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${visible(value)}`]))
    .sort();
  if (asked.length > 0) notes.push(`Said to be asked for: ${asked.join(", ")}.`);
  const logs = bundledLogs(manifest);
  if (manifest.runs !== null)
    notes.push(
      "Not proven: that no whole run was left out, nor a record without a number, nor an act about these runs.",
    );
  else notes.push(...logs.flatMap((log) => notesOfRange(log, logs.length === 1 ? "the log" : `the log ${log.shard}`)));
  if (manifest.runs === null && runs.partly_here > 0)
    notes.push(`Runs have records that lie outside of the range, or never arrived (${runs.partly_here}).`);
  if (manifest.sums === undefined)
    notes.push(
      "Sums are of an older Runledger: not told is how many calls they are without, whose tokens or price nobody knew.",
    );
  if (!manifest.content) notes.push("Contents were not exported: only facts and hashes were checked.");
  return notes;
}

/** As JSON in ASCII: what looks like another text is not taken for it. */
function visible(text: string): string {
  const escaped = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(text).replaceAll(/[^ -~]/g, escaped);
}

function notesOfRange({ range, hidden }: BundledLog, log: string): string[] {
  const [first, end] = range ?? [0, 0];
  if (first === end) return [`No entry of ${log} is of that time.`];
  const whole = `Nothing was left out of entries ${first} to ${end - 1} of ${log}`;
  if (!hidden) return [`${whole}.`];
  return [`${whole},`, `… but ${hidden} that are shown as hashes only, said to be of other tenants.`];
}

/** Names are of who made the bundle; origins are what keys signed. */
function notesOfNames(logs: readonly BundledLogVerification[]): string[] {
  return logs
    .filter(({ shard, origin }) => shard !== logName(origin))
    .map(({ shard, origin }) => `bundle.json calls the log ${origin} by another name: ${shard}.`);
}

/** What the directory, witnesses and time stamps say. */
function notesOfAnchors(
  manifest: BundleManifest,
  logs: readonly BundledLogVerification[],
  { head }: DirectoryView,
  asksForStamps: boolean,
): string[] {
  const notes: string[] = [];
  for (const { shard, witnessed, stamped } of logs) {
    const log = logs.length === 1 ? "the log" : `the log ${shard}`;
    if (witnessed !== null)
      notes.push(`Cosigned by ${witnessed.by.join(", ")}: ${log}'s first ${witnessed.size} entries.`);
    if (stamped !== null)
      notes.push(`Time stamp of ${stamped.time}: ${log}'s first ${stamped.size} entries were there.`);
    else if (asksForStamps)
      notes.push(
        `Not proven: that entries of ${log} were there at any time. No time stamp of the authority that you named covers them.`,
      );
  }
  const here = bundledLogs(manifest).map((log) => log.shard);
  const others = (head?.recorded ?? []).filter(({ shard }) => !here.includes(shard));
  if (others.length > 0) {
    const names = others.map(({ shard, size }) => `${shard} (${size} entries)`).join(", ");
    notes.push(`This bundle is of ${here.join(", ")} alone. The directory knows other shards: ${names}.`);
  } else if (head?.counts === true && head.last !== null && namesAll(head)) {
    const named = head.recorded.map(({ shard }) => shard);
    const young = here.filter((shard) => !named.includes(shard));
    const more = young.length === 0 ? "" : `, and had not taken ${young.join(", ")} yet`;
    notes.push(`On ${head.last.recorded_time} the directory knew no log that is not here${more}.`);
  } else notes.push(`Not proven: that there is no other log than ${here.join(", ")}.`);
  return notes;
}

function noteOfUntold(untold: readonly string[]): string[] {
  if (untold.length === 0) return [];
  return [`Not here, though you gave keys of them: ${untold.join(", ")}. Left out, of another store, or begun later.`];
}

/** What a person would rather read than the evidence, and anyone can have written. */
function noteOfUnchecked(files: ReadonlySet<string>): string {
  const unchecked = [BUNDLE_FILES.readme, BUNDLE_FILES.policies, ...DERIVED_FILES].filter((path) => files.has(path));
  return `Not evidence, not checked: ${unchecked.join(", ")}.`;
}

/** Of times of receipt, and of erasures. */
function notesOfLogs(logs: readonly BundleLogCheck[]): string[] {
  const prefix = (shard: string): string => (logs.length === 1 ? "" : `${shard}: `);
  return logs.flatMap(({ log, entries, payloads }) =>
    [...entries.notesOfTimes(), ...payloads.notesOfErasures()].map((note) => prefix(log.shard) + note),
  );
}

/** The verification as lines for a person. */
export function formatBundleVerification(verification: BundleVerification): string {
  const { bundle, logs, payloadsErased, notes } = verification;
  const lines = formatVerification(verification)
    .split("\n")
    .filter((line) => !line.startsWith("  checkpoints"));
  const about =
    bundle === null ? [] : [`  bundle       ${bundle.export_id}, ${bundle.selection}, for ${bundle.recipient}`];
  const told = bundle?.logs ?? 1;
  const ofSeveral = told > 1;
  const each = ofSeveral ? logs.map(logLine) : [];
  const erased = payloadsErased === 0 ? [] : [`  erased       ${payloadsErased} payloads, by acts of the log`];
  const [first = "", ...rest] = lines;
  const verdict = ofSeveral
    ? `${verification.verdict}  ${logs.length < told ? `${logs.length} of ` : ""}${told} logs`
    : first;
  const sums = rest.slice(0, 4).filter((line) => !ofSeveral || !line.startsWith("  root"));
  const shown = verification.verdict === "TAMPERED" ? [] : notes.map((note) => `  note         ${note}`);
  return [verdict, ...about, ...each, ...sums, ...erased, ...shown, ...rest.slice(4)]
    .map((line) =>
      line.replace(/( {2}entries {6}\d+) of (\d+) checked/, `$1 of the log${ofSeveral ? "s'" : "'s"} $2 checked`),
    )
    .join("\n");
}

function logLine({ shard, origin, entriesChecked, treeSize, payloadsErased }: BundledLogVerification): string {
  const erased = payloadsErased === 0 ? "" : `, ${payloadsErased} payloads erased`;
  return `  log          ${shard}: ${entriesChecked} of ${treeSize} entries${erased}; ${origin}`;
}
