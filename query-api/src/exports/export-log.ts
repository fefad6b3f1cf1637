import {
  type Checkpoint,
  type DestroyedKeys,
  type FindPayloadKey,
  logPrefix,
  type ReadObject,
  readEntries,
  record,
  unverifiedCheckpoint,
} from "@runledger/contract";
import type { Objects } from "@runledger/storage";
import { z } from "zod";
import type { ErasureStore } from "../erasures/erasure-store.ts";
import { QueryApiError } from "../error.ts";
import type { ChosenLog } from "./choose-logs.ts";

/** A shard's log as one checkpoint has it: what an export is made from, and nothing else. */
export interface ExportLog {
  shard: string;
  objects: Pick<Objects, "read" | "readRange">;
  read: ReadObject;
  /** The signed note as it was read. */
  note: Uint8Array;
  checkpoint: Checkpoint;
  /** Opens sealed payloads; null when the key is gone. */
  findKey: FindPayloadKey;
  /** Size of a checkpoint that the recipient kept from before. */
  sinceCheckpoint: number | null;
}

/** A log as it was chosen for an export. @throws LogError when its note is none. */
export function openExportLog(
  objects: Pick<Objects, "read" | "readRange">,
  { shard, note, sinceCheckpoint }: ChosenLog,
  findKey: FindPayloadKey,
): ExportLog {
  const read: ReadObject = (path) => objects.read(`${logPrefix(shard)}${path}`);
  return { shard, objects, read, note, checkpoint: unverifiedCheckpoint(note), findKey, sinceCheckpoint };
}

/** Without the keys that an erasure under way has named: they go, whichever log has its act. */
export async function keysNotErasing(
  findKey: FindPayloadKey,
  erasures: Pick<ErasureStore, "underWay">,
): Promise<FindPayloadKey> {
  const named = new Set((await erasures.underWay()).flatMap(({ key_ids }) => key_ids));
  return async (ref, salt) => (named.has(ref.key_id) ? null : findKey(ref, salt));
}

/** Keys as the log has them: one whose erasure is recorded is not found, though it may be there still where that was interrupted. `opened` takes those that are. */
export function keysAsRecorded(findKey: FindPayloadKey, destroyed: DestroyedKeys, opened: Set<string>): FindPayloadKey {
  return async (ref, salt) => {
    if (destroyed.of(ref.key_id)?.action === "erasure") return null;
    const key = await findKey(ref, salt);
    if (key !== null) opened.add(ref.key_id);
    return key;
  };
}

const nullableText = z.string().nullable();
/** What selecting needs of an entry. The whole record is looked at only where it is selected. */
const scannedEntry = z.object({
  tenant: z.string(),
  event: z.string(),
  run_id: z.string(),
  received_time: z.string(),
  run: z.object({
    agent_name: nullableText,
    task_type: nullableText,
    session_id: nullableText,
    user_id: nullableText,
  }),
  end: z.object({ status: z.string(), outcome: nullableText }).nullable(),
  start_time: z.string(),
  act: record.shape.act,
  payloads: z.record(z.string(), z.object({ key_id: z.string().optional() })),
});
export type ScannedEntry = z.infer<typeof scannedEntry>;

/** All entries in order, a few bundles in memory at a time. @throws QueryApiError `conflict` when one is no record, LogError when the store lacks one. */
export async function* scanLog(
  { shard, read, checkpoint: { size } }: ExportLog,
  signal: AbortSignal,
): AsyncGenerator<{ index: number; bytes: Uint8Array; entry: ScannedEntry }> {
  for await (const { index, entry: bytes } of readEntries(read, 0, size, size)) {
    if (index % 256 === 0) {
      signal.throwIfAborted();
      // Others are served between two bundles.
      await new Promise(setImmediate);
    }
    yield { index, bytes, entry: parseEntry(shard, index, bytes) };
  }
}

function parseEntry(shard: string, index: number, bytes: Uint8Array): ScannedEntry {
  try {
    return scannedEntry.parse(JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()));
  } catch (cause) {
    throw new QueryApiError("conflict", `entry ${index} of the log of shard ${shard} is no record`, {
      hint: "the log was changed: run `runledger verify`",
      cause,
    });
  }
}
