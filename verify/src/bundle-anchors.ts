import {
  BUNDLE_FILES,
  type Checkpoint,
  cosignedBy,
  DIRECTORY,
  type DirectoryAnchor,
  type Findings,
  hashesEqual,
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
import type { BundleLogCheck } from "./bundle-log.ts";
import { type DirectoryHead, type RecordedLog, requireOneHistory } from "./directory-head.ts";
import { asksForQuorum, quorumOf, type Trust } from "./trust.ts";

/** What others attest of one log: sizes are numbers of its first entries that are covered. */
export interface LogAnchors {
  /** Names of the witnesses, if a quorum of the caller's policy cosigned; null: none did, or none is asked for. */
  witnessed: { size: number; by: string[] } | null;
  /** By the authority that the caller named. */
  stamped: { size: number; time: string } | null;
}

/** What the directory tells of all logs. */
export interface DirectoryView {
  /** Its newest head in the bundle that counts, where there is any; else the newest that keys of the caller's signed, else the newest. */
  head: DirectoryHead | null;
  /** All here that keys of the caller's signed, whether they count or not. */
  signed: DirectoryHead[];
  /** Every one that is known: the caller's earlier ones, and those here that keys of the caller's signed. */
  known: Checkpoint[];
}

/** What anchors are checked against. */
export interface AnchoredLogs {
  logs: ReadonlyMap<string, BundleLogCheck>;
  /** Of all logs that the manifest tells of, in their order. */
  shards: readonly string[];
  /** The bundle is of one log. */
  isOne: boolean;
  trust: Trust;
}

/** Checks `anchors.json`: each of its heads by itself, and those that are signed against each other. A head that nobody known signed covers nothing. */
export async function readAnchors(
  bytes: Buffer,
  anchored: AnchoredLogs,
  view: DirectoryView,
  findings: Findings,
): Promise<void> {
  try {
    for (const anchor of parseDirectoryAnchors(bytes)) await readAnchor(anchor, anchored, view, findings);
    requireOneHistory(view.signed);
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    findings.add("TAMPERED", BUNDLE_FILES.anchors, error.message);
  }
}

/** Under a quorum every entry of the log must be below a head that it cosigned. */
export function checkWitnessed(
  { witnessed }: LogAnchors,
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
  anchored: AnchoredLogs,
  view: DirectoryView,
  findings: Findings,
): Promise<void> {
  const { logs, trust } = anchored;
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
  if (directory.isSigned) compare(directory, view);
  const recorded = anchor.recorded.map((each) => provenEntry(each, directory));
  const names = recorded.map(({ shard }) => shard);
  if (names.some((name, i) => i > 0 && Buffer.compare(Buffer.from(names[i - 1] ?? ""), Buffer.from(name)) >= 0))
    throw new LogError("mismatch", "its shards are not in order");
  const heads = headsOf(anchor, recorded, anchored, verifiers);
  const by = quorumOf(note, trust, BUNDLE_FILES.anchors, findings);
  const counts = directory.isSigned && (by !== null || !asksForQuorum(trust));
  const last = recorded.find(({ index }) => index === directory.size - 1)?.entry ?? null;
  keep(view, { ...directory, counts, recorded, last });
  const covered = [...heads].flatMap(([shard, head]) => {
    const log = logs.get(shard);
    const isKnown = directory.isSigned && head.isSigned;
    return log === undefined || !isKnown ? [] : [{ log, size: Math.min(head.size, log.head.size) }];
  });
  if (by !== null)
    for (const { log, size } of covered) {
      log.attested.push(cosignedBy(size, by.names, by.time));
      if (size >= (log.anchors.witnessed?.size ?? 0)) log.anchors.witnessed = { size, by: by.names };
    }
  if (anchor.timestamp === null || trust.checkTimestamp === undefined) return;
  const time = await trust.checkTimestamp(Buffer.from(anchor.timestamp, "base64"), note);
  for (const { log, size } of covered) {
    log.anchors.stamped = { size, time };
    log.attested.push({ size, timeMs: Date.parse(time), by: "time stamp" });
  }
}

/** Of one size a log has one root. @throws LogError. */
function compare(head: Checkpoint, { known }: DirectoryView): void {
  const isOther = ({ origin, size, root }: Checkpoint): boolean =>
    origin === head.origin && size === head.size && !hashesEqual(root, head.root);
  if (known.some(isOther))
    throw new LogError("mismatch", `there are two heads of the directory with ${head.size} entries: two histories`);
  known.push(head);
}

/** What the directory recorded of the bundle's logs, each of which it must agree with. @throws LogError. */
function headsOf(
  anchor: DirectoryAnchor,
  recorded: readonly RecordedLog[],
  { logs, shards: bundled, isOne }: AnchoredLogs,
  verifiers: readonly NoteVerifier[],
): Map<string, Checkpoint & { isSigned: boolean }> {
  const heads = new Map<string, Checkpoint & { isSigned: boolean }>();
  if ("consistency" in anchor !== isOne) throw new LogError("malformed", "it is of another kind of bundle");
  const shards = bundled.filter((shard) => recorded.some((each) => each.shard === shard));
  if (isOne && shards.length === 0) throw new LogError("mismatch", `it does not tell of shard ${bundled.join(", ")}`);
  const proofs = "consistency" in anchor ? [anchor.consistency] : anchor.logs.map(({ consistency }) => consistency);
  const proven = "consistency" in anchor ? shards : anchor.logs.map(({ shard }) => shard);
  if (proven.join("\n") !== shards.join("\n"))
    throw new LogError("mismatch", "it does not prove of each log here what the directory recorded of it");
  for (const [i, shard] of shards.entries()) {
    const note = recorded.find((each) => each.shard === shard)?.entry.checkpoint ?? "";
    const head = openIfKnown(Buffer.from(note), verifiers);
    const log = logs.get(shard);
    if (log === undefined) continue; // its checkpoint is missing, which is told
    requireExtension(proofs[i] ?? [], head, log.head);
    heads.set(shard, head);
  }
  return heads;
}

function keep(view: DirectoryView, head: DirectoryHead): void {
  if (head.isSigned) view.signed.push(head);
  const rankOf = ({ counts, isSigned }: DirectoryHead): number => Number(counts) + Number(isSigned);
  const rank = view.head === null ? -1 : rankOf(view.head);
  if (rankOf(head) > rank || (rankOf(head) === rank && head.size > (view.head?.size ?? 0))) view.head = head;
}

function provenEntry({ entry, index, proof }: DirectoryAnchor["recorded"][number], head: Checkpoint): RecordedLog {
  const bytes = Buffer.from(entry);
  const hashes = proof.map((hash) => Buffer.from(hash, "base64"));
  if (!verifyInclusion(leafHash(bytes), index, head.size, hashes, head.root))
    throw new LogError("mismatch", `entry ${index} is not in the directory`);
  const parsed = parseDirectoryEntry(bytes);
  const { origin, size, root } = unverifiedCheckpoint(Buffer.from(parsed.checkpoint));
  return { shard: parsed.shard, origin, size, root, index, text: entry, entry: parsed };
}

function requireExtension(consistency: readonly string[], recorded: Checkpoint, head: Checkpoint): void {
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
