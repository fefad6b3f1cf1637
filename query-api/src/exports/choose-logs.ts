import {
  CHECKPOINT_PATH,
  type Checkpoint,
  LogError,
  logPrefix,
  MAX_BUNDLED_SHARD_CHARS,
  readEntries,
  unverifiedCheckpoint,
} from "@runledger/contract";
import type { Objects } from "@runledger/storage";
import { shardsOf } from "../audit/shards-of.ts";
import { invalidField, QueryApiError } from "../error.ts";
import { canWait, directoryHeads, newestRecorded, type Recorded } from "./directory-reading.ts";

/** A log as it is exported: fixed once, so that an export that was interrupted is made again to the same bytes. */
export interface ChosenLog {
  shard: string;
  /** The signed note that it is made from. */
  note: Uint8Array;
  /** Size of a checkpoint that the recipient kept from before. */
  sinceCheckpoint: number | null;
}

export interface ChosenLogs {
  /** In order of their shards. */
  logs: ChosenLog[];
  /** Read before the logs were listed: what it names is among them, unless it is gone. */
  directory: DirectoryHeads;
  /** Newer entries, of all logs that were asked for, that witnesses have not cosigned yet: they are left to a later export. */
  laterEntries: number;
}

/** The directory's newest head that counts for the export, and its newest that witnesses have cosigned. */
export interface DirectoryHeads {
  newest: Uint8Array | null;
  cosigned: Uint8Array | null;
}

/** What an export is asked to be of. */
export interface LogsAsked {
  /** Absent: all logs that there are. */
  shard?: string | undefined;
  /** Of the one log. */
  since_checkpoint?: number | undefined;
  since_checkpoints?: readonly { origin: string; size: number }[] | undefined;
  /** Whose. */
  tenant: string;
  /** Contents, too. */
  content: boolean;
}

/** As RFC 8785 has them in an entry. */
const DESTRUCTIONS = ['"action":"erasure"', '"action":"expiry"'];

type ReadableObjects = Pick<Objects, "read" | "folders">;

/**
 * The logs as they stand now, each as witnesses have cosigned it where they are not behind (docs/bundle.md).
 * @throws QueryApiError `conflict` when nothing was logged yet, `invalid_argument` for earlier checkpoints that fit none of them.
 */
export async function chooseLogs(objects: ReadableObjects, asked: LogsAsked, nowMs: number): Promise<ChosenLogs> {
  const directory = await directoryHeads(objects);
  const shards = asked.shard === undefined ? await shardsOf(objects) : [asked.shard];
  const found: { shard: string; newest: Uint8Array; head: Checkpoint }[] = [];
  for (const shard of shards) {
    const newest = await objects.read(logPrefix(shard) + CHECKPOINT_PATH);
    // One that was begun a moment ago has nothing to export yet.
    if (newest !== null) found.push({ shard, newest, head: headOf(shard, newest) });
  }
  if (found.length === 0)
    throw new QueryApiError("conflict", "there is no log to export yet", {
      hint: "a moment after the first record arrives there is",
    });
  if (found.length > 1) requireShortNames(found.map(({ shard }) => shard));
  const sizes = earlierSizes(
    asked,
    found.map(({ head }) => head),
  );
  const recorded =
    directory.cosigned === null
      ? new Map<string, Recorded>()
      : await newestRecorded(objects, directory.cosigned, [...shards]);
  const chosen = found.map(({ shard, newest, head }): ChosenLog => {
    return { shard, note: newest, sinceCheckpoint: sizes.get(head.origin) ?? null };
  });
  // All as the directory's cosigned head has them, or all as they stand: no log is then shorter than the directory's newest head in the bundle says.
  // One that was begun since waits for it, as the newest entries of the others do.
  const witnessed = chosen.flatMap((log): ChosenLog[] => {
    const entry = recorded.get(log.shard)?.entry;
    return entry === undefined ? [] : [{ ...log, note: Buffer.from(entry.checkpoint) }];
  });
  const all = { logs: chosen, directory, laterEntries: 0 };
  if (witnessed.length === 0) return all;
  for (const { shard, head } of found)
    if (!(await canWait(objects, { shard, size: head.size }, recorded.get(shard), nowMs))) return all;
  requireWitnessed(chosen, witnessed);
  for (const { shard, head } of asked.content ? found : [])
    await requireNoDestruction(objects, shard, { from: sizeOf(witnessed, shard), size: head.size }, asked.tenant);
  const laterEntries = entriesOf(chosen) - entriesOf(witnessed);
  return { logs: witnessed, directory: { ...directory, newest: directory.cosigned }, laterEntries };
}

function sizeOf(logs: readonly ChosenLog[], shard: string): number {
  const log = logs.find((each) => each.shard === shard);
  return log === undefined ? 0 : unverifiedCheckpoint(log.note).size;
}

/** Contents whose keys are gone, or about to be, by an act that the bundle would not have. @throws QueryApiError for one in these entries. */
async function requireNoDestruction(
  objects: ReadableObjects,
  shard: string,
  { from, size }: { from: number; size: number },
  tenant: string,
): Promise<void> {
  try {
    for await (const { index, entry } of readEntries(
      (path) => objects.read(logPrefix(shard) + path),
      from,
      size,
      size,
    )) {
      const text = Buffer.from(entry.buffer, entry.byteOffset, entry.byteLength);
      if (!DESTRUCTIONS.some((action) => text.includes(action))) continue;
      const record = JSON.parse(text.toString());
      // What expires is of all tenants.
      if (record.event !== "act" || (record.tenant !== tenant && record.act.action === "erasure")) continue;
      const what = `the witnesses have not seen entry ${index} of shard ${shard} yet, by which contents are erased or expire`;
      throw new QueryApiError("conflict", what, { hint: "ask again in a minute, or without contents" });
    }
  } catch (error) {
    // What witnesses have seen can be exported nevertheless; `verify` of the store tells of it.
    if (!(error instanceof LogError || error instanceof SyntaxError)) throw error;
  }
}

function entriesOf(logs: readonly ChosenLog[]): number {
  return logs.reduce((sum, { note }) => sum + unverifiedCheckpoint(note).size, 0);
}

/** @throws QueryApiError for an earlier checkpoint that is newer than what the bundle would be of. */
function requireWitnessed(chosen: readonly ChosenLog[], witnessed: readonly ChosenLog[]): void {
  const sizes = new Map(witnessed.map(({ shard, note }) => [shard, unverifiedCheckpoint(note).size]));
  const early = chosen.find(({ shard, sinceCheckpoint }) => (sinceCheckpoint ?? -1) > (sizes.get(shard) ?? -1));
  if (early === undefined) return;
  const what = `the witnesses have not seen the ${early.sinceCheckpoint} entries of shard ${early.shard} that your earlier checkpoint has`;
  throw new QueryApiError("conflict", what, { hint: "ask again in a minute, or without that checkpoint" });
}

function headOf(shard: string, note: Uint8Array): Checkpoint {
  try {
    return unverifiedCheckpoint(note);
  } catch (cause) {
    if (!(cause instanceof LogError)) throw cause;
    throw new QueryApiError("conflict", `the log of shard ${shard} can't be read: ${cause.message}`, {
      hint: "run `runledger verify` on the store",
      cause,
    });
  }
}

function requireShortNames(shards: readonly string[]): void {
  const long = shards.find((shard) => shard.length > MAX_BUNDLED_SHARD_CHARS);
  if (long === undefined) return;
  const what = `the name ${long} is longer than ${MAX_BUNDLED_SHARD_CHARS} characters, and has no place in a bundle of several logs`;
  throw invalidField("shard", what, "ask for each log alone");
}

/** By origin. @throws QueryApiError for a checkpoint that none of the logs can extend. */
function earlierSizes(
  { since_checkpoint, since_checkpoints = [] }: LogsAsked,
  heads: readonly Checkpoint[],
): Map<string, number> {
  const sizes = new Map(since_checkpoints.map(({ origin, size }) => [origin, size]));
  const [only, ...others] = heads;
  if (since_checkpoint !== undefined && only !== undefined) {
    if (others.length > 0)
      throw invalidField(
        "since_checkpoint",
        `there are ${heads.length} logs here, and it does not say which it is of`,
        "give `since_checkpoints`, with the origin of each, or name a `shard`",
      );
    sizes.set(only.origin, since_checkpoint);
  }
  const field = since_checkpoint === undefined ? "since_checkpoints" : "since_checkpoint";
  for (const [origin, size] of sizes) {
    const head = heads.find((each) => each.origin === origin);
    if (head === undefined)
      throw invalidField(field, `no log here is ${origin}`, "its origin is the first line of the checkpoint");
    if (size > head.size) throw invalidField(field, `the log has ${head.size} entries only`);
  }
  return sizes;
}
