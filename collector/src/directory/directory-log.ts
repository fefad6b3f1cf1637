import {
  byUtf8,
  CHECKPOINT_PATH,
  consistencyProof,
  DIRECTORY,
  type DirectoryEntry,
  formatDirectoryEntry,
  type Hash,
  headsHash,
  LogError,
  logPrefix,
  MAX_SHARDS_NAMED,
  parseDirectoryEntry,
  type ReadObject,
  readEntries,
  readEntry,
  unverifiedCheckpoint,
  verifyConsistency,
} from "@runledger/contract";
import { type Objects, type SigningKey, StorageError } from "@runledger/storage";
import { openStagedLog } from "../audit/staged-log.ts";

/** The log that takes the checkpoints of all shards; any number of keepers with its key may write it. */
export interface DirectoryLog {
  /**
   * Records the head of each shard that has grown since it was recorded last. @returns what keeps a shard from being recorded, in words.
   * @throws StorageError `superseded` when another keeper was faster: then call again.
   */
  record(recordedTime: string): Promise<string[]>;
}

interface Head {
  origin: string;
  size: number;
  root: Hash;
}

/** Of a directory that was never read: further back no shard is looked for, it is recorded once more. */
const MAX_ENTRIES_BACK = 20_000;
const MAX_ATTEMPTS = 5;

export function createDirectoryLog(objects: Objects, key: SigningKey, writer: string): DirectoryLog {
  /** What the directory says of each shard, as far as its first `known` entries. */
  const recorded = new Map<string, Head>();
  const names = new Set<string>();
  let known = 0;

  const catchUp = async (read: ReadObject, size: number): Promise<void> => {
    if (size < known) throw new StorageError("damaged", `the directory had ${known} entries and has ${size}`);
    // One of before entries named the shards is read whole, once.
    const isUnnamed = known === 0 && size > 0 && (await shardsNamedAt(read, size)) === undefined;
    await take(read, isUnnamed ? 0 : Math.max(known, size - MAX_ENTRIES_BACK), size);
    known = size;
  };

  const take = async (read: ReadObject, from: number, size: number): Promise<void> => {
    for await (const { entry } of readEntries(read, from, size, size)) {
      const { shard, checkpoint, shards = [] } = parseDirectoryEntry(entry);
      for (const name of [shard, ...shards]) names.add(name);
      recorded.set(shard, unverifiedCheckpoint(Buffer.from(checkpoint)));
    }
  };

  const recordedSize = (name: string): number => {
    const head = recorded.get(name);
    if (head === undefined)
      throw new StorageError("damaged", `the directory names the shard ${name}, and has no head of it`);
    return head.size;
  };

  const record = async (recordedTime: string): Promise<string[]> => {
    const staged = await openStagedLog(objects, DIRECTORY, key, writer);
    await catchUp(staged.log.read, staged.log.size);
    const troubles: string[] = [];
    const entries: DirectoryEntry[] = [];
    for (const shard of await shardsOf(objects)) {
      const read: ReadObject = (path) => objects.read(logPrefix(shard) + path);
      const note = await read(CHECKPOINT_PATH);
      if (note === null) continue;
      const fault = await faultOf(read, note, recorded.get(shard));
      if (fault !== null) troubles.push(`shard ${shard}: ${fault}`);
      else if (hasGrown(note, recorded.get(shard)))
        entries.push({ shard, checkpoint: Buffer.from(note).toString(), recorded_time: recordedTime });
    }
    const last = entries.at(-1);
    if (last === undefined) return troubles;
    const sizes = new Map(entries.map(({ shard, checkpoint }) => [shard, sizeOf(checkpoint)]));
    const all = [...new Set([...names, ...sizes.keys()])].sort(byUtf8);
    // One that is not in the store any more was recorded further back than was read.
    if (all.some((name) => !sizes.has(name) && !recorded.has(name))) await take(staged.log.read, 0, known);
    last.heads_sha256 = headsHash(all.map((name) => [name, sizes.get(name) ?? recordedSize(name)]));
    if (all.length <= MAX_SHARDS_NAMED) last.shards = all;
    await staged.append(staged.plan(entries.map(formatDirectoryEntry)));
    return troubles;
  };

  return {
    record: async (recordedTime) => {
      for (let attempt = 1; ; attempt++) {
        try {
          return await record(recordedTime);
        } catch (error) {
          const isRace = error instanceof StorageError && error.code === "superseded";
          if (!isRace || attempt >= MAX_ATTEMPTS) throw error;
        }
      }
    },
  };
}

async function shardsNamedAt(read: ReadObject, size: number): Promise<string[] | undefined> {
  return parseDirectoryEntry(await readEntry(read, size - 1, size)).shards;
}

/** Names of the logs of records in a store. */
export async function shardsOf(objects: Objects): Promise<string[]> {
  return (await objects.folders("log/")).filter((name) => name !== DIRECTORY);
}

function sizeOf(checkpoint: string): number {
  return unverifiedCheckpoint(Buffer.from(checkpoint)).size;
}

function hasGrown(note: Uint8Array, last: Head | undefined): boolean {
  return last === undefined || unverifiedCheckpoint(note).size > last.size;
}

/** Why a shard's head can't follow the one that was recorded last; null when it can. Its signature is for those to check who know its key. */
async function faultOf(read: ReadObject, note: Uint8Array, last: Head | undefined): Promise<string | null> {
  try {
    const head = unverifiedCheckpoint(note);
    if (last === undefined) return null;
    if (head.origin !== last.origin) return `it was ${last.origin} and is ${head.origin}: it was begun anew`;
    if (head.size < last.size) return `it had ${last.size} entries and has ${head.size}: it was set back`;
    const proof = await consistencyProof(read, last.size, head.size);
    if (verifyConsistency(last.size, head.size, last.root, head.root, proof)) return null;
    return `its ${head.size} entries do not begin with the ${last.size} that are recorded: it was changed`;
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    return error.message;
  }
}
