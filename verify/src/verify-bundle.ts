import { createHash } from "node:crypto";
import {
  type AttestedHead,
  addRunProblems,
  BUNDLE_FILES,
  type BundleManifest,
  type BundlePath,
  bundleGroup,
  type Checkpoint,
  cosignedBy,
  createFindings,
  type Findings,
  LogError,
  openCheckpoint,
  parseBundlePath,
  parseManifest,
  parseVerifierKey,
  type RunCoverage,
  runsJson,
  summaryJson,
  unverifiedCheckpoint,
} from "@runledger/contract";
import { checkWitnessed, readAnchors } from "./bundle-anchors.ts";
import { type BundleEntries, createBundleEntries } from "./bundle-entries.ts";
import { BrokenBundleError, type BundleFile, type BundleFiles } from "./bundle-file.ts";
import { type BundlePayloads, createBundlePayloads } from "./bundle-payloads.ts";
import { type BundleProofs, createBundleProofs } from "./bundle-proofs.ts";
import { createSelectionCheck, type SelectionCheck } from "./bundle-selection.ts";
import { type BundleSums, createBundleSums } from "./bundle-sums.ts";
import { type BundleTiles, createBundleTiles } from "./bundle-tiles.ts";
import { type BundleVerification, emptyVerification, notesOf, notesOfAnchors } from "./bundle-verification.ts";
import { createByteReader } from "./byte-reader.ts";
import { checkSince, openSince, quorumOf, type Trust } from "./trust.ts";

const MAX_SINGLE_BYTES = 1024 * 1024;

/**
 * Says of a bundle (docs/bundle.md) whether it is genuine, complete and unaltered. Reads the files once, in their order; memory grows with the number
 * of runs and payloads (a few bytes each), not with the size of the bundle. Never rejects for what the bundle holds.
 * @throws LogError `malformed` for a key or an earlier checkpoint of the caller that isn't one.
 */
export async function verifyBundle(
  openFiles: (findings: Findings) => BundleFiles,
  trust: Trust,
  onProgress: (entries: number) => void = () => undefined,
): Promise<BundleVerification> {
  const findings = createFindings();
  const verifiers = trust.verifierKeys.map(parseVerifierKey);
  const since = trust.sinceCheckpoint ? openSince(trust.sinceCheckpoint, verifiers, findings) : null;
  const verification = emptyVerification(findings);
  const seen: Seen = { singles: new Set(), group: -1, parts: null, manifest: null };
  const sums = createBundleSums(findings);
  try {
    for await (const file of openFiles(findings)) {
      const place = placeOf(file, seen, findings);
      const watched = sums.watch(file);
      if (place !== null)
        await readFile(place, watched, { seen, sums, since, trust, verification, findings, onProgress });
      for await (const _ of watched.file.content); // to its end, for its sum
      watched.sha256();
    }
    finish(seen, { since, trust }, verification, findings);
  } catch (error) {
    const broken = error instanceof BrokenBundleError ? error : null;
    const message = error instanceof Error ? error.message : String(error);
    findings.add(broken?.verdict ?? "UNREADABLE", broken?.where ?? "bundle", message);
  }
  return { ...verification, verdict: findings.verdict(), findingsTotal: findings.total };
}

/** What was read so far. */
interface Seen {
  singles: Set<string>;
  group: number;
  manifest: BundleManifest | null;
  /** After the checkpoint. */
  parts: Parts | null;
}

interface Parts {
  manifest: BundleManifest;
  head: Checkpoint;
  /** Known before the first entry. */
  attested: AttestedHead[];
  tiles: BundleTiles;
  entries: BundleEntries;
  payloads: BundlePayloads;
  selection: SelectionCheck;
  proofs: BundleProofs;
}

interface Reading {
  seen: Seen;
  sums: BundleSums;
  since: Checkpoint | null;
  trust: Trust;
  verification: BundleVerification;
  findings: Findings;
  onProgress: (entries: number) => void;
}

/** Null, after a finding, for a file that has no place here. */
function placeOf({ path }: BundleFile, seen: Seen, findings: Findings): BundlePath | null {
  const place = parseBundlePath(path);
  if (place === null) {
    findings.add("TAMPERED", path, "no bundle has a file of this name");
    return null;
  }
  const group = bundleGroup(place);
  const isAgain = place.kind === "single" && seen.singles.has(path);
  if (group < seen.group || isAgain) {
    findings.add("TAMPERED", path, "it is there twice, or out of order");
    return null;
  }
  seen.group = group;
  if (place.kind === "single") seen.singles.add(path);
  return place;
}

async function readFile(
  place: BundlePath,
  { file, sha256 }: { file: BundleFile; sha256: () => string },
  reading: Reading,
): Promise<void> {
  const { seen, sums, findings } = reading;
  if (place.kind === "single") {
    if (place.path === BUNDLE_FILES.sums) await sums.compare(file.content);
    else await readSingle(file, reading);
    return;
  }
  const { parts } = seen;
  // Without these two nothing can be said of the rest.
  if (parts === null)
    throw new BrokenBundleError(
      "INCOMPLETE",
      seen.manifest === null ? BUNDLE_FILES.manifest : BUNDLE_FILES.checkpoint,
      "it is missing",
    );
  switch (place.kind) {
    case "tile":
      parts.tiles.add(place, await wholeOf(file));
      return;
    case "bundle":
      if (parts.manifest.selection !== "log") findings.add("TAMPERED", file.path, "only whole logs have such files");
      for await (const _ of file.content); // its sum is what is compared
      parts.entries.expectBundle(place.index, place.width, sha256());
      return;
    case "entries": {
      const records = await parts.entries.read(place.index, file.content);
      parts.payloads.expect(place.index, records);
      parts.tiles.prune();
      return;
    }
    case "payload_lines":
      await parts.payloads.lines(place.index, file.content);
      return;
    case "payload_bytes":
      await parts.payloads.bytes(place.index, file.sizeBytes, file.content);
      return;
    case "proof":
      parts.proofs.add(place.index, file.path, await wholeOf(file));
  }
}

async function readSingle(file: BundleFile, reading: Reading): Promise<void> {
  const { seen, findings } = reading;
  switch (file.path) {
    case BUNDLE_FILES.manifest:
      seen.manifest = parseManifest((await wholeOf(file)).toString());
      if (seen.manifest === null) throw new BrokenBundleError("TAMPERED", file.path, "it is none that bundles have");
      return;
    case BUNDLE_FILES.checkpoint:
      readCheckpoint(await wholeOf(file), reading);
      return;
    case BUNDLE_FILES.anchors: {
      const { parts } = seen;
      if (parts === null) throw new BrokenBundleError("INCOMPLETE", BUNDLE_FILES.checkpoint, "it is missing");
      const { manifest, head, attested } = parts;
      const log = { manifest, head, attested, trust: reading.trust };
      await readAnchors(await wholeOf(file), reading.verification.anchors, log, findings);
      return;
    }
    case BUNDLE_FILES.runs:
    case BUNDLE_FILES.summary:
      await compareFacts(file, reading);
      return;
    case BUNDLE_FILES.policies:
      if ((await wholeOf(file)).length === 0) findings.add("TAMPERED", file.path, "it is empty");
      return;
    default:
      return; // said, or derived: its sum is all there is to check
  }
}

function readCheckpoint(note: Buffer, { seen, trust, since, verification, findings, onProgress }: Reading): void {
  const { manifest } = seen;
  if (manifest === null) throw new BrokenBundleError("INCOMPLETE", BUNDLE_FILES.manifest, "it is missing");
  const head = openHead(note, trust, findings);
  const by = quorumOf(note, trust, BUNDLE_FILES.checkpoint, findings);
  if (by !== null) verification.anchors.witnessed = { size: head.size, by: by.names };
  const { origin, size, root, signedBy } = head;
  Object.assign(verification, { origin, treeSize: size, rootHash: Buffer.from(root).toString("base64"), signedBy });
  verification.bundle = {
    export_id: manifest.export_id,
    selection: manifest.selection,
    range: manifest.range,
    hidden: manifest.hidden,
    recipient: manifest.recipient,
  };
  if (origin !== manifest.log.origin || size !== manifest.log.tree_size)
    throw new BrokenBundleError("TAMPERED", BUNDLE_FILES.manifest, "it tells of another log than the checkpoint");
  if (since !== null) checkSince(since, head, findings);
  const pinned = [size, manifest.since_checkpoint, since?.size].filter((each) => typeof each === "number");
  const tiles = createBundleTiles(head, pinned, findings);
  const selection = createSelectionCheck(manifest, findings);
  const attested = by === null ? [] : [cosignedBy(head.size, by.names, by.times)];
  const entries = createBundleEntries({ manifest, tiles, selection, attested, findings }, onProgress);
  const payloads = createBundlePayloads(manifest.content, findings);
  seen.parts = {
    manifest,
    head,
    attested,
    tiles,
    selection,
    entries,
    payloads,
    proofs: createBundleProofs(head, note, entries, findings),
  };
}

function openHead(note: Uint8Array, trust: Trust, findings: Findings): Checkpoint & { signedBy: string[] } {
  const { verifierKeys } = trust;
  try {
    return openCheckpoint(note, verifierKeys.map(parseVerifierKey));
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    if (error.code === "malformed") throw new BrokenBundleError("TAMPERED", BUNDLE_FILES.checkpoint, error.message);
    const what = verifierKeys.length === 0 ? "you gave no key, so nobody vouches for this log" : error.message;
    findings.add(error.code === "untrusted" ? "UNTRUSTED" : "TAMPERED", BUNDLE_FILES.checkpoint, what);
    return { ...unverifiedCheckpoint(note), signedBy: [] };
  }
}

/** The facts made anew, byte for byte. Where entries are missing or wrong they differ for sure, which says nothing new. */
async function compareFacts(file: BundleFile, { seen: { parts }, findings }: Reading): Promise<void> {
  const actual = createHash("sha256");
  for await (const chunk of file.content) actual.update(chunk);
  if (parts === null || findings.list.some(({ verdict }) => verdict === "TAMPERED" || verdict === "INCOMPLETE")) return;
  const { facts } = parts.entries;
  const texts = file.path === BUNDLE_FILES.runs ? runsJson(facts.runs()) : [summaryJson(facts.summary())];
  const expected = createHash("sha256");
  for (const text of texts) expected.update(text);
  if (expected.digest("hex") !== actual.digest("hex"))
    findings.add("TAMPERED", file.path, "it does not say what the entries say");
}

const REQUIRED = [
  BUNDLE_FILES.readme,
  BUNDLE_FILES.manifest,
  BUNDLE_FILES.checkpoint,
  BUNDLE_FILES.runs,
  BUNDLE_FILES.summary,
  BUNDLE_FILES.policies,
  BUNDLE_FILES.sums,
];

function finish(
  seen: Seen,
  { since, trust }: Pick<Reading, "since" | "trust">,
  verification: BundleVerification,
  findings: Findings,
): void {
  for (const path of REQUIRED) if (!seen.singles.has(path)) findings.add("INCOMPLETE", path, "it is missing");
  const { parts } = seen;
  if (parts === null) return;
  const { manifest, tiles, entries, payloads, selection, proofs } = parts;
  tiles.finish(since);
  entries.finish();
  payloads.finish(selection);
  selection.finish();
  proofs.finish();
  checkWitnessed(verification.anchors, trust, entries.lastIndex, findings);
  verification.entriesChecked = entries.count;
  verification.payloadsChecked = manifest.content ? payloads.checked : null;
  verification.payloadsErased = payloads.erased;
  const runs = entries.runs.finish(coverageOf(manifest, entries.count));
  addRunProblems(runs, findings);
  verification.runs = runs;
  const { anchors } = verification;
  verification.notes = [...notesOf(manifest, runs), ...notesOfAnchors(anchors, manifest), ...entries.notesOfTimes()];
}

/** Of a whole log an entry may be missing, which is a finding of its own. */
function coverageOf({ selection, range }: BundleManifest, entries: number): RunCoverage {
  if (selection === "runs") return "selection";
  if (selection === "range") return "range";
  return entries < (range?.[1] ?? 0) ? "damaged" : "log";
}

async function wholeOf(file: BundleFile): Promise<Buffer> {
  if (file.sizeBytes > MAX_SINGLE_BYTES)
    throw new BrokenBundleError("TAMPERED", file.path, "it is larger than any such file");
  return await createByteReader(file.content).take(file.sizeBytes);
}
