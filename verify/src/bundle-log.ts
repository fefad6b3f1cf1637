import {
  type AttestedHead,
  BUNDLE_FILES,
  type BundledLog,
  type BundleManifest,
  type BundlePath,
  type Checkpoint,
  cosignedBy,
  type Findings,
  findingsWithin,
  LogError,
  logFolder,
  openCheckpoint,
  parseVerifierKey,
  type RunCompleteness,
  type RunFactsOfEntries,
  unverifiedCheckpoint,
} from "@runledger/contract";
import { checkWitnessed, type LogAnchors } from "./bundle-anchors.ts";
import { type BundleEntries, createBundleEntries } from "./bundle-entries.ts";
import { BrokenBundleError, type BundleFile } from "./bundle-file.ts";
import { type ActsOnKeys, type BundlePayloads, createBundlePayloads } from "./bundle-payloads.ts";
import { type BundleProofs, createBundleProofs } from "./bundle-proofs.ts";
import { createSelectionCheck, type SelectionCheck } from "./bundle-selection.ts";
import { type BundleTiles, createBundleTiles } from "./bundle-tiles.ts";
import { wholeOf } from "./byte-reader.ts";
import { checkSince, isOfDirectory, quorumOf, type Trust } from "./trust.ts";

/** What the logs of a bundle have in common. */
export interface CommonParts {
  manifest: BundleManifest;
  trust: Trust;
  /** Earlier checkpoints of the caller's, of whatever logs. */
  since: readonly Checkpoint[];
  facts: RunFactsOfEntries;
  runs: RunCompleteness;
  onEntries: (count: number) => void;
}

/** One log of a bundle, from its checkpoint on. */
export interface BundleLogCheck {
  readonly log: BundledLog;
  readonly head: Checkpoint & { signedBy: string[] };
  readonly anchors: LogAnchors;
  /** What others attest of it, and when: complete before the first entry is read. */
  readonly attested: AttestedHead[];
  readonly entries: BundleEntries;
  readonly payloads: BundlePayloads;
  readonly selection: SelectionCheck;
  /** Its findings begin with its name, where it is one of several. */
  readonly findings: Findings;
  /** A file of the log: all but its checkpoint. `sha256` is asked for when its content was read to the end. */
  read(place: BundlePath, file: BundleFile, sha256: () => string): Promise<void>;
  /** After its last file. */
  settle(): Promise<void>;
  /** After the last file of the bundle. `acts`: of whichever log. */
  finish(acts: ActsOnKeys<string>): void;
  /** Whether it was settled or not. */
  close(): Promise<void>;
}

/** @throws BrokenBundleError for a checkpoint that is none, or of another log than the manifest tells of. */
export function openBundleLog(
  note: Buffer,
  log: BundledLog,
  common: CommonParts,
  bundleFindings: Findings,
): BundleLogCheck {
  const { manifest, trust, facts, runs, onEntries } = common;
  const isOne = manifest.format === "runledger-bundle/1";
  const findings = isOne ? bundleFindings : findingsWithin(bundleFindings, log.shard);
  const folder = isOne ? "" : logFolder(log.shard);
  const head = openHead(note, trust, folder, findings);
  const { origin, size } = head;
  if (origin !== log.origin || size !== log.tree_size)
    throw new BrokenBundleError("TAMPERED", BUNDLE_FILES.manifest, "it tells of another log than the checkpoint");
  // Of one log the caller's checkpoint is compared with it, whatever log it is of.
  const since = common.since.filter((each) => (isOne && !isOfDirectory(each)) || each.origin === origin);
  for (const each of since) checkSince(each, head, findings);
  const pinned = [size, log.since_checkpoint, ...since.map((each) => each.size)].filter((each) => each !== null);
  const by = quorumOf(note, trust, BUNDLE_FILES.checkpoint, findings);
  const anchors: LogAnchors = { witnessed: by && { size, by: by.names }, stamped: null };
  const attested = by === null ? [] : [cosignedBy(size, by.names, by.time)];
  const tiles = createBundleTiles(head, pinned, findings);
  const selection = createSelectionCheck(manifest, log, findings);
  const entries = createBundleEntries(log, { tiles, selection, attested, facts, runs }, findings, onEntries);
  const payloads = createBundlePayloads(manifest.content, findings);
  const proofs = createBundleProofs(head, note, entries, findings);
  return {
    ...{ log, head, anchors, attested, entries, payloads, selection, findings },
    read: (place, file, sha256) => readFile(place, file, sha256, { log, tiles, entries, payloads, proofs, findings }),
    settle: payloads.settle,
    finish({ destructionBy, erasureOf }) {
      tiles.finish(since);
      entries.finish();
      // Only an act of another log is named with its log.
      const isNamedRight = (shard: string | null): boolean => shard !== log.shard;
      payloads.finish({
        destructionBy: (shard, index, key) =>
          isNamedRight(shard) ? destructionBy(shard ?? log.shard, index, key) : null,
        erasureOf,
      });
      selection.finish();
      proofs.finish();
      checkWitnessed(anchors, trust, entries.lastIndex, findings);
    },
    close: payloads.close,
  };
}

interface Parts {
  log: BundledLog;
  tiles: BundleTiles;
  entries: BundleEntries;
  payloads: BundlePayloads;
  proofs: BundleProofs;
  findings: Findings;
}

async function readFile(place: BundlePath, file: BundleFile, sha256: () => string, parts: Parts): Promise<void> {
  const { log, tiles, entries, payloads, proofs, findings } = parts;
  switch (place.kind) {
    case "single":
      return;
    case "tile":
      tiles.add(place, await wholeOf(file));
      return;
    case "bundle":
      if (log.selection !== "log") findings.add("TAMPERED", file.path, "only whole logs have such files");
      for await (const _ of file.content); // its sum is what is compared
      entries.expectBundle(place.index, place.width, sha256());
      return;
    case "entries": {
      const records = await entries.read(place.index, file.content);
      await payloads.expect(place.index, records);
      tiles.prune();
      return;
    }
    case "payload_lines":
      await payloads.lines(place.index, file.sizeBytes, file.content);
      return;
    case "payload_bytes":
      await payloads.bytes(place.index, file.sizeBytes, file.content);
      return;
    case "proof":
      proofs.add(place.index, file.path, await wholeOf(file));
  }
}

function openHead(
  note: Uint8Array,
  { verifierKeys }: Trust,
  folder: string,
  findings: Findings,
): Checkpoint & { signedBy: string[] } {
  try {
    return openCheckpoint(note, verifierKeys.map(parseVerifierKey));
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    if (error.code === "malformed")
      throw new BrokenBundleError("TAMPERED", folder + BUNDLE_FILES.checkpoint, error.message);
    const what = verifierKeys.length === 0 ? "you gave no key, so nobody vouches for this log" : error.message;
    findings.add(error.code === "untrusted" ? "UNTRUSTED" : "TAMPERED", BUNDLE_FILES.checkpoint, what);
    return { ...unsigned(note, folder), signedBy: [] };
  }
}

/** Signed by nobody who is known, or wrongly: it may be no checkpoint at all. */
function unsigned(note: Uint8Array, folder: string): Checkpoint {
  try {
    return unverifiedCheckpoint(note);
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    throw new BrokenBundleError("TAMPERED", folder + BUNDLE_FILES.checkpoint, error.message);
  }
}
