import { byUtf8, type Checkpoint, type DirectoryEntry, hashesEqual, headsHash, LogError } from "@runledger/contract";

/** A head of the directory log, with what a bundle shows of the entries below it. */
export interface DirectoryHead {
  origin: string;
  size: number;
  isSigned: boolean;
  /** It says which logs there are: a key of the caller's signed it, and the quorum, if the caller's policy asks for one, cosigned it. */
  counts: boolean;
  /** One entry a shard, ascending by shard. */
  recorded: RecordedLog[];
  /** Its last entry; null: it is not shown. */
  last: DirectoryEntry | null;
}

/** The head of a log in an entry of the directory. */
export interface RecordedLog extends Pick<Checkpoint, "origin" | "size" | "root"> {
  shard: string;
  index: number;
  text: string;
  entry: DirectoryEntry;
}

/** By its last entry there is no shard that is not shown. */
export function namesAll(head: DirectoryHead): boolean {
  return (head.last?.heads_sha256 ?? head.last?.shards) !== undefined && !isOtherThanNewest(head);
}

export function isOtherThanNewest({ last, recorded }: DirectoryHead): boolean {
  if (last?.heads_sha256 === undefined) return false;
  const heads = recorded.map(({ shard, size }): [string, number] => [shard, size]);
  return last.heads_sha256 !== headsHash(heads.sort(([a], [b]) => byUtf8(a, b)));
}

/**
 * Heads that keys of the caller's signed are of one directory with one history, in which no log goes back, is begun anew, or is forgotten.
 * @throws LogError for what only who holds its key can have signed.
 */
export function requireOneHistory(heads: readonly DirectoryHead[]): void {
  const [first, ...others] = heads;
  const other = others.find(({ origin }) => origin !== first?.origin);
  if (other !== undefined)
    throw new LogError("mismatch", `there are heads of two directories: ${first?.origin}, ${other.origin}`);
  const all = heads.flatMap(({ recorded }) => recorded).sort((a, b) => a.index - b.index);
  const newest = new Map<string, RecordedLog>();
  for (const [i, each] of all.entries()) {
    const before = all[i - 1];
    if (before?.index === each.index && before.text !== each.text)
      throw new LogError("mismatch", `the directory has two entries ${each.index}: two histories`);
    requireLater(each, newest.get(each.shard));
    newest.set(each.shard, each);
  }
  const named = heads.flatMap(({ last, size }) => (last?.shards ?? []).map((shard) => ({ shard, index: size - 1 })));
  for (const head of heads) requireAll(head, [...all, ...named.map((each) => ({ ...each, size: 0 }))]);
}

function requireLater({ shard, origin, size, root, index }: RecordedLog, before: RecordedLog | undefined): void {
  if (before === undefined) return;
  if (origin !== before.origin)
    throw new LogError("mismatch", `shard ${shard} was ${before.origin}, and is ${origin} in entry ${index}`);
  if (size < before.size || (size === before.size && !hashesEqual(root, before.root))) {
    const now = size === before.size ? "other ones" : size;
    const what = `shard ${shard} had ${before.size} entries, and ${now} in entry ${index} of the directory: it was set back`;
    throw new LogError("mismatch", what);
  }
}

/** What its last entry says of all logs must be true of each that any head shows to have been recorded by then. */
function requireAll(head: DirectoryHead, known: readonly Pick<RecordedLog, "shard" | "index" | "size">[]): void {
  const { last, size, recorded } = head;
  const named = last?.shards && new Set(last.shards);
  const commits = last?.heads_sha256 !== undefined && !isOtherThanNewest(head);
  const sizes = commits ? new Map(recorded.map((each) => [each.shard, each.size])) : null;
  const isTold = ({ shard, size: entries }: { shard: string; size: number }): boolean =>
    named?.has(shard) !== false && (sizes === null || (sizes.get(shard) ?? -1) >= entries);
  const untold = known.find((each) => each.index < size && !isTold(each));
  if (untold === undefined) return;
  const what = `its last entry under the head of ${size} does not tell of shard ${untold.shard} what the directory had recorded by then`;
  throw new LogError("mismatch", what);
}
