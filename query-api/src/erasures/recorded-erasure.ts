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

/** The acts of an erasure among the entries from an index on. All that was journalled before an act stands before it. */
export async function findRecordedErasure(
  objects: Objects,
  shard: string,
  erasureId: string,
  fromIndex: number,
): Promise<RecordedErasure[]> {
  const read: ReadObject = (path) => objects.read(logPrefix(shard) + path);
  const size = await publishedSize(objects, shard);
  const found: RecordedErasure[] = [];
  for await (const { index, entry } of readEntries(read, Math.min(fromIndex, size), size, size)) {
    if (!Buffer.from(entry.buffer, entry.byteOffset, entry.byteLength).includes(erasureId)) continue;
    const { act, received_time: receivedTime } = parseLogEntry(entry);
    const target = act?.action === "erasure" ? erasureTarget.safeParse(act.target) : null;
    if (target?.success && target.data.erasure_id === erasureId)
      found.push({ logIndex: index, receivedTime, keyIds: target.data.key_ids });
  }
  return found;
}
