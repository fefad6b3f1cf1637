import { createHash, randomBytes } from "node:crypto";
import {
  addRunProblems,
  BUNDLE_FILES,
  type BundledLog,
  type BundleManifest,
  type BundlePath,
  bundledLogs,
  bundleGroup,
  type Checkpoint,
  createFindings,
  createRunCompleteness,
  createRunFacts,
  type Findings,
  logFolder,
  MAX_ANCHORS_BYTES,
  parseBundlePath,
  parseManifest,
  parseVerifierKey,
  type RunCompleteness,
  type RunCoverage,
  type RunFactsOfEntries,
  runsJson,
  summaryJson,
} from "@runledger/contract";
import { type DirectoryView, readAnchors } from "./bundle-anchors.ts";
import { checkAllLogs, untoldLogs } from "./bundle-directory.ts";
import { BrokenBundleError, type BundleFile, type BundleFiles } from "./bundle-file.ts";
import { type BundleLogCheck, openBundleLog } from "./bundle-log.ts";
import type { ActsOnKeys } from "./bundle-payloads.ts";
import { type BundleSums, createBundleSums } from "./bundle-sums.ts";
import { type BundleVerification, verificationOf } from "./bundle-verification.ts";
import { wholeOf } from "./byte-reader.ts";
import { isOfDirectory, openSince, type Trust } from "./trust.ts";

const MAX_FINDINGS = 10_000;

/**
 * Says of a bundle (docs/bundle.md) whether it is genuine, complete and unaltered. Reads the files once, in their order; memory grows with the number
 * of runs, payloads and entries (a few bytes each) and with what is wrong up to a bound, not with the size of the bundle: contents beyond 32 MiB are in a temporary file. Never rejects for what the bundle holds.
 * @param shard the one log that the caller asked for: others are not missed.
 * @throws LogError `malformed` for a key or an earlier checkpoint of the caller that isn't one.
 */
export async function verifyBundle(
  openFiles: (findings: Findings) => BundleFiles,
  trust: Trust,
  onProgress: (entries: number) => void = () => undefined,
  shard: string | null = null,
): Promise<BundleVerification> {
  const findings = createFindings();
  const verifiers = trust.verifierKeys.map(parseVerifierKey);
  const since = (trust.sinceCheckpoints ?? []).map((note) => openSince(note, verifiers, findings));
  const seen: Seen = {
    singles: new Set(),
    group: -1,
    manifest: null,
    facts: null,
    runs: null,
    current: null,
    logs: new Map(),
  };
  const directory: DirectoryView = { head: null, signed: [], known: [...since] };
  const sums = createBundleSums(findings);
  const reading: Reading = { seen, sums, since, trust, shard, directory, findings, onProgress };
  let coverage: RunCoverage | null = null;
  try {
    for await (const file of openFiles(findings)) {
      // Each file is remembered, if only for its sum. Nothing that is read further makes the verdict another.
      if (findings.total > MAX_FINDINGS && findings.has("TAMPERED"))
        throw new BrokenBundleError("TAMPERED", file.path, "nothing is read from here on: too much is wrong before it");
      const place = placeOf(file, seen, findings);
      const watched = sums.watch(file);
      if (place !== null) await readFile(place, watched, reading);
      for await (const _ of watched.file.content); // to its end, for its sum
      watched.sha256();
    }
    coverage = await finish(reading);
  } catch (error) {
    const broken = error instanceof BrokenBundleError ? error : null;
    const message = error instanceof Error ? error.message : String(error);
    findings.add(broken?.verdict ?? "UNREADABLE", broken?.where ?? "bundle", message);
  } finally {
    for (const log of seen.logs.values()) await log.close();
  }
  const { head } = directory;
  // Runs that were chosen tell nothing of the time after them; what a range cuts off goes on behind it.
  const goneOnUntil = coverage !== "range" && head?.counts === true ? head.last?.recorded_time : undefined;
  const runs = coverage === null ? null : (seen.runs?.finish(coverage, goneOnUntil) ?? null);
  if (runs !== null) addRunProblems(runs, findings);
  return verificationOf(
    {
      manifest: seen.manifest,
      files: seen.singles,
      logs: [...seen.logs.values()],
      runs,
      directory,
      untold: seen.manifest === null ? [] : untoldLogs({ manifest: seen.manifest, trust, shard }),
      asksForStamps: trust.checkTimestamp !== undefined,
    },
    findings,
  );
}

/** What was read so far. */
interface Seen {
  singles: Set<string>;
  group: number;
  /** With it, what the logs have in common. */
  manifest: BundleManifest | null;
  facts: RunFactsOfEntries | null;
  runs: RunCompleteness | null;
  /** Whose files are being read: one log's after the other's. */
  current: BundleLogCheck | null;
  /** By shard, each from its checkpoint on. */
  logs: Map<string, BundleLogCheck>;
}

interface Reading {
  seen: Seen;
  sums: BundleSums;
  since: readonly Checkpoint[];
  trust: Trust;
  shard: string | null;
  directory: DirectoryView;
  findings: Findings;
  onProgress: (entries: number) => void;
}

/** Null, after a finding, for a file that has no place here. @throws BrokenBundleError for evidence of which nothing tells what it is. */
function placeOf({ path }: BundleFile, seen: Seen, findings: Findings): BundlePath | null {
  const place = parseBundlePath(path);
  if (place !== null && seen.manifest === null && (place.shard !== null || place.kind !== "single"))
    throw new BrokenBundleError("INCOMPLETE", BUNDLE_FILES.manifest, "it is missing");
  const group = place && bundleGroup(place, shardsOf(seen.manifest));
  if (place === null || group === null) {
    findings.add("TAMPERED", path, "no bundle has a file of this name, or this one has not");
    return null;
  }
  const isAgain = place.kind === "single" && seen.singles.has(path);
  if (group < seen.group || isAgain) {
    findings.add("TAMPERED", path, "it is there twice, or out of order");
    return null;
  }
  seen.group = group;
  if (place.kind === "single") seen.singles.add(path);
  return place;
}

/** Null: it is a bundle of one log, or nothing tells yet. */
function shardsOf(manifest: BundleManifest | null): string[] | null {
  if (manifest === null || manifest.format === "runledger-bundle/1") return null;
  return manifest.logs.map(({ shard }) => shard);
}

async function readFile(
  place: BundlePath,
  { file, sha256 }: { file: BundleFile; sha256: () => string },
  reading: Reading,
): Promise<void> {
  const { seen, sums } = reading;
  if (place.kind === "single" && place.path === BUNDLE_FILES.checkpoint) {
    openLog(await wholeOf(file), place.shard, reading);
  } else if (place.kind === "single") {
    if (place.path === BUNDLE_FILES.sums) await sums.compare(file.content);
    else await readSingle(file, reading);
  } else {
    const [first] = seen.logs.keys();
    const log = seen.logs.get(place.shard ?? first ?? "");
    if (log === undefined) throw new BrokenBundleError("INCOMPLETE", checkpointOf(place.shard), "it is missing");
    if (seen.current !== log) await seen.current?.settle();
    seen.current = log;
    await log.read(place, file, sha256);
  }
}

function checkpointOf(shard: string | null): string {
  return (shard === null ? "" : logFolder(shard)) + BUNDLE_FILES.checkpoint;
}

function openLog(note: Buffer, shard: string | null, { seen, since, trust, findings, onProgress }: Reading): void {
  const { manifest, facts, runs, logs } = seen;
  const log = manifest && bundledLogs(manifest).find((each) => shard === null || each.shard === shard);
  if (!log || facts === null || runs === null)
    throw new BrokenBundleError("INCOMPLETE", BUNDLE_FILES.manifest, "it is missing");
  const onEntries = (): void => onProgress([...logs.values()].reduce((sum, { entries }) => sum + entries.count, 0));
  logs.set(log.shard, openBundleLog(note, log, { manifest, trust, since, facts, runs, onEntries }, findings));
}

async function readSingle(file: BundleFile, reading: Reading): Promise<void> {
  const { seen, findings, trust, directory } = reading;
  switch (file.path) {
    case BUNDLE_FILES.manifest:
      readManifest(await wholeOf(file), seen);
      return;
    case BUNDLE_FILES.anchors: {
      const [first] = seen.logs.keys();
      if (first === undefined) throw new BrokenBundleError("INCOMPLETE", BUNDLE_FILES.checkpoint, "it is missing");
      const shards = seen.manifest === null ? [] : bundledLogs(seen.manifest).map((log) => log.shard);
      const anchored = { logs: seen.logs, shards, isOne: shardsOf(seen.manifest) === null, trust };
      await readAnchors(await wholeOf(file, MAX_ANCHORS_BYTES), anchored, directory, findings);
      return;
    }
    case BUNDLE_FILES.runs:
    case BUNDLE_FILES.summary:
      await compareFacts(file, reading);
      return;
    case BUNDLE_FILES.readme:
      await wholeOf(file);
      return;
    case BUNDLE_FILES.policies:
      if ((await wholeOf(file)).length === 0) findings.add("TAMPERED", file.path, "it is empty");
      return;
    default:
      return; // derived: its sum is all there is to check
  }
}

function readManifest(bytes: Buffer, seen: Seen): void {
  seen.manifest = parseManifest(bytes);
  if (seen.manifest === null)
    throw new BrokenBundleError("TAMPERED", BUNDLE_FILES.manifest, "it is none that bundles have");
  const rules = { ofSeveral: shardsOf(seen.manifest) !== null, sums: seen.manifest.sums };
  seen.facts = createRunFacts(randomBytes(16), rules);
  seen.runs = createRunCompleteness(randomBytes(16), Number.POSITIVE_INFINITY);
}

/** The facts made anew, byte for byte. Where entries are missing or wrong they differ for sure, which says nothing new. */
async function compareFacts(file: BundleFile, { seen: { manifest, facts, logs }, findings }: Reading): Promise<void> {
  const actual = createHash("sha256");
  for await (const chunk of file.content) actual.update(chunk);
  if (manifest === null || facts === null || logs.size < bundledLogs(manifest).length) return;
  if (findings.has("TAMPERED") || findings.has("INCOMPLETE")) return;
  const texts = file.path === BUNDLE_FILES.runs ? runsJson(facts.runs()) : [summaryJson(facts.summary())];
  const expected = createHash("sha256");
  for (const text of texts) expected.update(text);
  if (expected.digest("hex") !== actual.digest("hex"))
    findings.add("TAMPERED", file.path, "it does not say what the entries say");
}

const REQUIRED = [
  BUNDLE_FILES.readme,
  BUNDLE_FILES.manifest,
  BUNDLE_FILES.runs,
  BUNDLE_FILES.summary,
  BUNDLE_FILES.policies,
  BUNDLE_FILES.sums,
];

/** Null: there is no log to say anything of. */
async function finish(reading: Reading): Promise<RunCoverage | null> {
  const { seen, since, trust, shard, directory, findings } = reading;
  const { manifest, logs, singles } = seen;
  const checkpoints = shardsOf(manifest)?.map(checkpointOf) ?? [checkpointOf(null)];
  for (const path of [...REQUIRED, ...checkpoints])
    if (!singles.has(path)) findings.add("INCOMPLETE", path, "it is missing");
  if (manifest === null || logs.size === 0) return null;
  await seen.current?.settle();
  for (const log of logs.values()) log.finish(actsOf(logs));
  const origins = bundledLogs(manifest).map(({ origin }) => origin);
  for (const each of since.filter(({ origin }) => !origins.includes(origin))) {
    const { origin } = each;
    if (isOfDirectory(each)) {
      const what = `it is of ${origin}, a log that is not here: only a store can be compared with it`;
      findings.add("INCOMPLETE", "earlier checkpoint", what);
    } else if (shardsOf(manifest) !== null)
      findings.add("TAMPERED", "earlier checkpoint", `it is of ${origin}, and no log here is`);
  }
  const areAllHere = checkAllLogs(directory, { manifest, logs: [...logs.values()], trust, shard }, findings);
  const coverage = coverageOf(manifest, logs, areAllHere);
  // What one log alone lacks of a run may stand in another.
  return shard === null || coverage === "range" ? coverage : "selection";
}

function actsOf(logs: ReadonlyMap<string, BundleLogCheck>): ActsOnKeys<string> {
  const selections = [...logs].map(([shard, { selection }]) => ({ shard, selection }));
  return {
    destructionBy: (shard, index, keyId) => logs.get(shard)?.selection.destructionBy(index, keyId) ?? null,
    erasureOf(keyId) {
      for (const { shard, selection } of selections) {
        const index = selection.erasureOf(keyId);
        if (index !== null) return `entry ${index}${logs.size === 1 ? "" : ` of ${shard}`}`;
      }
      return null;
    },
  };
}

/** Of a whole log an entry may be missing, which is a finding of its own. */
function coverageOf(
  manifest: BundleManifest,
  found: ReadonlyMap<string, BundleLogCheck>,
  areAllHere: boolean,
): RunCoverage {
  const logs = bundledLogs(manifest);
  if (manifest.runs !== null) return "selection";
  const isPart = ({ range, tree_size }: BundledLog): boolean => range === null || range[0] > 0 || range[1] < tree_size;
  if (logs.some(isPart)) return "range";
  // Nothing lies outside; what is missing is said to be others', or never arrived.
  if (logs.some(({ selection }) => selection === "range")) return "selection";
  const isWhole = logs.every(({ shard, tree_size }) => (found.get(shard)?.entries.count ?? -1) >= tree_size);
  return isWhole && areAllHere ? "log" : "damaged";
}
