import {
  CHECKPOINT_PATH,
  erasureTarget,
  logPrefix,
  parseLogEntry,
  type ReadObject,
  readEntries,
  unverifiedCheckpoint,
} from "@runledger/contract";
import type { Objects } from "@runledger/storage";
import { shardsOf } from "../audit/shards-of.ts";
import type { KeptErasure } from "./kept-erasure.ts";

/** An erasure's act as the published log has it. */
export interface RecordedErasure {
  logIndex: number;
  receivedTime: string;
  keyIds: string[];
}

export async function publishedSize(objects: Objects, shard: string): Promise<number> {
  const note = await objects.read(logPrefix(shard) + CHECKPOINT_PATH);
  return note === null ? 0 : unverifiedCheckpoint(note).size;
}

/** How long each log is, by shard. */
export async function publishedSizes(objects: Objects): Promise<Record<string, number>> {
  const sizes = (await shardsOf(objects)).map(async (shard) => [shard, await publishedSize(objects, shard)] as const);
  return Object.fromEntries(await Promise.all(sizes));
}

/**
 * Looks for the acts of an erasure in all logs: it may be gone on with by another query API, whose collector writes another one. What was read of a log is not read
 * again. All that was journalled before an act stands before it in its log.
 * @returns all that were found so far, in the order of their time.
 */
export function createRecordedErasures(
  objects: Objects,
  { erasure_id, log_sizes }: Pick<KeptErasure, "erasure_id" | "log_sizes">,
): () => Promise<RecordedErasure[]> {
  const nextIndex = new Map(Object.entries(log_sizes));
  const found: RecordedErasure[] = [];
  const look = async (shard: string): Promise<void> => {
    const read: ReadObject = (path) => objects.read(logPrefix(shard) + path);
    const size = await publishedSize(objects, shard);
    for await (const { index, entry } of readEntries(read, Math.min(nextIndex.get(shard) ?? 0, size), size, size)) {
      nextIndex.set(shard, index + 1);
      if (!Buffer.from(entry.buffer, entry.byteOffset, entry.byteLength).includes(erasure_id)) continue;
      const { act, received_time: receivedTime } = parseLogEntry(entry);
      const target = act?.action === "erasure" ? erasureTarget.safeParse(act.target) : null;
      if (target?.success && target.data.erasure_id === erasure_id)
        found.push({ logIndex: index, receivedTime, keyIds: target.data.key_ids });
    }
  };
  return async () => {
    for (const shard of await shardsOf(objects)) await look(shard);
    return found.sort((a, b) => (a.receivedTime < b.receivedTime ? -1 : 1));
  };
}
