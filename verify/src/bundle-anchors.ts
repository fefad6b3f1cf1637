import {
  type AttestedHead,
  BUNDLE_FILES,
  type BundleManifest,
  type Checkpoint,
  cosignedBy,
  DIRECTORY,
  type DirectoryAnchor,
  type DirectoryEntry,
  type Findings,
  LogError,
  leafHash,
  type NoteVerifier,
  openCheckpoint,
  parseDirectoryAnchors,
  parseDirectoryEntry,
  parseVerifierKey,
  unverifiedCheckpoint,
  verifyConsistency,
  verifyInclusion,
} from "@runledger/contract";
import { quorumOf, type Trust } from "./trust.ts";

/** What others attest of a bundle's log: sizes are numbers of its first entries that are covered. */
export interface BundleAnchors {
  /** Names of the witnesses, if a quorum of the caller's policy cosigned; null: none did, or none is asked for. */
  witnessed: { size: number; by: string[] } | null;
  /** By the authority that the caller named. */
  stamped: { size: number; time: string } | null;
  /** All that the directory recorded, by its own word; a bundle holds one of them. Null: the bundle does not tell. */
  shards: { shard: string; origin: string; size: number }[] | null;
}

/** What an anchor is checked against. */
export interface AnchoredLog {
  manifest: BundleManifest;
  head: Checkpoint;
  trust: Trust;
  /** Takes what is attested of the log, and when. */
  attested: AttestedHead[];
}

/** Checks `anchors.json`: each of its heads by itself. A head that nobody known signed covers nothing. */
export async function readAnchors(
  bytes: Buffer,
  anchors: BundleAnchors,
  log: AnchoredLog,
  findings: Findings,
): Promise<void> {
  const where = BUNDLE_FILES.anchors;
  try {
    for (const anchor of parseDirectoryAnchors(bytes.toString())) await readAnchor(anchor, anchors, log, findings);
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    findings.add("TAMPERED", where, error.message);
  }
}

/** Under a quorum every entry of the bundle must be below a head that it cosigned. */
export function checkWitnessed(
  { witnessed }: BundleAnchors,
  { witnessed: policy }: Trust,
  lastIndex: number,
  findings: Findings,
): void {
  const quorum = policy?.quorum ?? null;
  if (quorum === null) return;
  if (witnessed === null) {
    const what = `neither it nor a directory's head that covers it is cosigned by the quorum ${quorum.name} of witnesses that your policy asks for`;
    findings.add("UNTRUSTED", BUNDLE_FILES.checkpoint, what);
  } else if (witnessed.size <= lastIndex) {
    const what = `they are not under the quorum ${quorum.name} of witnesses that your policy asks for`;
    findings.add("INCOMPLETE", `entries ${witnessed.size} to ${lastIndex}`, what);
  }
}

/** @throws LogError for what can't be genuine. */
async function readAnchor(
  anchor: DirectoryAnchor,
  anchors: BundleAnchors,
  { manifest, head, trust, attested }: AnchoredLog,
  findings: Findings,
): Promise<void> {
  const verifiers = trust.verifierKeys.map(parseVerifierKey);
  const note = Buffer.from(anchor.checkpoint);
  const directory = openIfKnown(note, verifiers);
  if (!directory.origin.endsWith(`/${DIRECTORY}`))
    throw new LogError("mismatch", `${directory.origin} is no directory of logs`);
  // Who was given a directory's key expects its signature; who was not can't say anything of it.
  if (!directory.isSigned && verifiers.some(({ name }) => name.endsWith(`/${DIRECTORY}`)))
    findings.add(
      "UNTRUSTED",
      BUNDLE_FILES.anchors,
      `no key of yours signed the directory's head of ${directory.size} entries`,
    );
  const recorded = anchor.recorded.map((each) => provenEntry(each, directory));
  const names = recorded.map(({ shard }) => shard);
  if (names.some((name, i) => i > 0 && Buffer.compare(Buffer.from(names[i - 1] ?? ""), Buffer.from(name)) >= 0))
    throw new LogError("mismatch", "its shards are not in order");
  const own = recorded.find(({ shard }) => shard === manifest.log.shard);
  if (own === undefined) throw new LogError("mismatch", `it does not tell of shard ${manifest.log.shard}`);
  const ownHead = openIfKnown(Buffer.from(own.checkpoint), verifiers);
  requireExtension(anchor, ownHead, head);
  anchors.shards ??= recorded.map(({ shard, checkpoint }) => {
    const { origin, size } = unverifiedCheckpoint(Buffer.from(checkpoint));
    return { shard, origin, size };
  });
  const by = quorumOf(note, trust, BUNDLE_FILES.anchors, findings);
  const covered = Math.min(ownHead.size, head.size);
  const isKnown = directory.isSigned && ownHead.isSigned;
  if (isKnown && by !== null) {
    attested.push(cosignedBy(covered, by.names, by.times));
    if (covered >= (anchors.witnessed?.size ?? 0)) anchors.witnessed = { size: covered, by: by.names };
  }
  if (anchor.timestamp === null || trust.checkTimestamp === undefined) return;
  const time = await trust.checkTimestamp(Buffer.from(anchor.timestamp, "base64"), note);
  if (!isKnown) return;
  anchors.stamped = { size: covered, time };
  attested.push({ size: covered, timeMs: Date.parse(time), by: "time stamp" });
}

function provenEntry({ entry, index, proof }: DirectoryAnchor["recorded"][number], head: Checkpoint): DirectoryEntry {
  const bytes = Buffer.from(entry);
  const hashes = proof.map((hash) => Buffer.from(hash, "base64"));
  if (!verifyInclusion(leafHash(bytes), index, head.size, hashes, head.root))
    throw new LogError("mismatch", `entry ${index} is not in the directory`);
  const parsed = parseDirectoryEntry(bytes);
  unverifiedCheckpoint(Buffer.from(parsed.checkpoint)); // throws where it is none
  return parsed;
}

function requireExtension({ consistency }: DirectoryAnchor, recorded: Checkpoint, head: Checkpoint): void {
  if (recorded.origin !== head.origin)
    throw new LogError("mismatch", `the directory recorded ${recorded.origin}, this log is ${head.origin}`);
  const [from, to] = recorded.size <= head.size ? [recorded, head] : [head, recorded];
  const hashes = consistency.map((hash) => Buffer.from(hash, "base64"));
  if (!verifyConsistency(from.size, to.size, from.root, to.root, hashes))
    throw new LogError(
      "mismatch",
      `the log does not agree with what the directory recorded of its ${recorded.size} entries`,
    );
}

/** @throws LogError unless the note is signed rightly, or by nobody whom the caller knows. */
function openIfKnown(note: Uint8Array, verifiers: readonly NoteVerifier[]): Checkpoint & { isSigned: boolean } {
  try {
    return { ...openCheckpoint(note, verifiers), isSigned: true };
  } catch (error) {
    if (!(error instanceof LogError) || error.code !== "untrusted") throw error;
    return { ...unverifiedCheckpoint(note), isSigned: false };
  }
}
