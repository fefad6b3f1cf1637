import { byUtf8 } from "../bundle/utf8-order.ts";
import { type Anchors, guarded } from "./anchors.ts";
import { type Checkpoint, openCheckpoint, unverifiedCheckpoint } from "./checkpoint.ts";
import { headsHash, MAX_SHARDS_NAMED, parseDirectoryEntry } from "./directory-entry.ts";
import { LogError } from "./log-error.ts";
import { type ReadObject, readCheckpoint } from "./log-reader.ts";
import { hashesEqual } from "./merkle.ts";
import { createHeadCheck, type RecordedHead } from "./recorded-heads.ts";
import type { NoteVerifier } from "./signed-note.ts";
import { CHECKPOINT_PATH } from "./tile-path.ts";
import type { Findings } from "./verification.ts";
import { createStoredCheckpoints, type ListPaths } from "./verify-checkpoints.ts";
import { verifyTree } from "./verify-tree.ts";

/** The log that takes the checkpoints of all shards, with what others attest of it. */
export interface DirectoryToVerify {
  /** Paths relative to the directory log's root. */
  read: ReadObject;
  list?: ListPaths;
  /** Its checkpoint, and what is attested of it. */
  head: Uint8Array;
  anchors: Anchors;
  /** The one shard whose key is asked for; absent: every shard's. */
  only?: string;
  /** Heads that it must have had. */
  recordedHeads?: readonly RecordedHead[];
}

export interface RecordedShardHead extends RecordedHead {
  origin: string;
  /** Of the directory's entry. */
  index: number;
  /** By a key that is known. */
  isSigned: boolean;
}

/** What the directory says of the shards. */
export interface VerifiedDirectory {
  origin: string;
  treeSize: number;
  entriesChecked: number;
  /** By shard, in the order in which they were recorded. */
  shards: Map<string, RecordedShardHead[]>;
  /** Of the shards, ascending by their UTF-8 bytes. */
  names: string[];
  anchors: Anchors;
}

/**
 * Recomputes the directory as any log, and reads what it recorded: each checkpoint signed by a key that is known, a shard's sizes never going back.
 * Null, with a finding, when it has no head to go by. Whether the shards themselves have these heads is for their own verification.
 */
export async function verifyDirectory(
  log: DirectoryToVerify,
  verifiers: readonly NoteVerifier[],
  findings: Findings,
): Promise<VerifiedDirectory | null> {
  const { anchors } = log;
  const head = openHead(log.head, verifiers, findings);
  if (head === null) return null;
  const directory: VerifiedDirectory = {
    origin: head.origin,
    treeSize: head.size,
    entriesChecked: 0,
    shards: new Map(),
    names: [],
    anchors,
  };
  const stored = log.list && (await createStoredCheckpoints(log.read, log.list, head, verifiers, findings));
  const ofUnknownKey = (shard: string, index: number, what: string): void => {
    if (log.only === undefined || log.only === shard) findings.add("UNTRUSTED", `entry ${index}`, what);
  };
  const heads = createHeadCheck([...anchors.heads, ...(log.recordedHeads ?? [])], findings);
  await verifyTree(
    log.read,
    {
      size: head.size,
      root: head.root,
      onLeaf: async (tree) => {
        heads.compare(tree);
        await stored?.compare(tree);
      },
      onEntry: async (index, entry) => {
        directory.entriesChecked++;
        await guarded(findings, `entry ${index}`, () => record(directory, index, entry, verifiers, ofUnknownKey));
      },
      onTile: async (path, width, bytesOfWidth) => stored?.comparePartials(path, width, bytesOfWidth),
    },
    findings,
  );
  heads.finish(head);
  await stored?.finish(async () => (await readCheckpoint(log.read, verifiers))?.size ?? 0);
  return directory;
}

/**
 * A shard whose key is not the caller's is known by what the directory says of it, and told of once.
 * @throws LogError for an entry that is none, or wrongly signed, or that goes back behind the one before.
 */
function record(
  directory: VerifiedDirectory,
  index: number,
  bytes: Uint8Array,
  verifiers: readonly NoteVerifier[],
  ofUnknownKey: (shard: string, index: number, what: string) => void,
): void {
  const { shard, checkpoint, shards: named, heads_sha256 } = parseDirectoryEntry(bytes);
  const recorded = directory.shards.get(shard) ?? [];
  const last = recorded.at(-1);
  const { origin, size, root, untrusted } = openIfKnown(Buffer.from(checkpoint), verifiers);
  if (untrusted !== null && last === undefined) ofUnknownKey(shard, index, untrusted);
  directory.shards.set(shard, recorded);
  const { names } = directory;
  if (last === undefined) insertInOrder(names, shard);
  if (named !== undefined && (named.length !== names.length || named.some((name, i) => name !== names[i]))) {
    const known = names.length <= MAX_SHARDS_NAMED ? names.join(", ") : `${names.length}`;
    throw new LogError("mismatch", `it names the shards ${named.join(", ")}, and up to it there are ${known}`);
  }
  if (last !== undefined && last.origin !== origin)
    throw new LogError("mismatch", `shard ${shard} was ${last.origin}, and is ${origin} here: it was begun anew`);
  if (last !== undefined && (size < last.size || (size === last.size && !hashesEqual(root, last.root))))
    throw new LogError(
      "mismatch",
      `shard ${shard} had ${last.size} entries, and ${size === last.size ? "other ones" : size} here: it was set back`,
    );
  const isSigned = untrusted === null;
  if (last?.size !== size) recorded.push({ origin, size, root, index, isSigned, where: `directory, entry ${index}` });
  if (heads_sha256 === undefined) return;
  const heads = names.map((name): [string, number] => [name, directory.shards.get(name)?.at(-1)?.size ?? 0]);
  if (heads_sha256 !== headsHash(heads))
    throw new LogError("mismatch", "its heads_sha256 is not that of the shards' newest heads up to it");
}

function openIfKnown(note: Uint8Array, verifiers: readonly NoteVerifier[]): Checkpoint & { untrusted: string | null } {
  try {
    return { ...openCheckpoint(note, verifiers), untrusted: null };
  } catch (error) {
    if (!(error instanceof LogError) || error.code !== "untrusted") throw error;
    return { ...unverifiedCheckpoint(note), untrusted: error.message };
  }
}

function insertInOrder(names: string[], name: string): void {
  let [low, high] = [0, names.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (byUtf8(names[middle] as string, name) < 0) low = middle + 1;
    else high = middle;
  }
  names.splice(low, 0, name);
}

function openHead(note: Uint8Array, verifiers: readonly NoteVerifier[], findings: Findings): Checkpoint | null {
  try {
    return openCheckpoint(note, verifiers);
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    findings.add(error.code === "untrusted" ? "UNTRUSTED" : "TAMPERED", CHECKPOINT_PATH, error.message);
    return null;
  }
}
