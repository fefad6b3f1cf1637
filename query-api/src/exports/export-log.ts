import {
  CHECKPOINT_PATH,
  type Checkpoint,
  type FindPayloadKey,
  logPrefix,
  type ReadObject,
  readEntries,
  record,
  unverifiedCheckpoint,
} from "@runledger/contract";
import type { Objects } from "@runledger/storage";
import { z } from "zod";
import { QueryApiError } from "../error.ts";

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
}

/** The log as it stands now, or as the `note` of an earlier look has it. @throws QueryApiError `conflict` when nothing was logged yet. */
export async function openExportLog(
  objects: Pick<Objects, "read" | "readRange">,
  shard: string,
  findKey: FindPayloadKey,
  earlierNote: Uint8Array | null,
): Promise<ExportLog> {
  const read: ReadObject = (path) => objects.read(`${logPrefix(shard)}${path}`);
  const note = earlierNote ?? (await read(CHECKPOINT_PATH));
  if (note === null) {
    throw new QueryApiError("conflict", "there is no log to export yet", {
      hint: "a moment after the first record arrives there is",
    });
  }
  return { shard, objects, read, note, checkpoint: unverifiedCheckpoint(note), findKey };
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
});
export type ScannedEntry = z.infer<typeof scannedEntry>;

/** All entries in order, a few bundles in memory at a time. @throws QueryApiError `conflict` when one is no record, LogError when the store lacks one. */
export async function* scanLog(
  { read, checkpoint: { size } }: ExportLog,
  signal: AbortSignal,
): AsyncGenerator<{ index: number; bytes: Uint8Array; entry: ScannedEntry }> {
  for await (const { index, entry: bytes } of readEntries(read, 0, size, size)) {
    if (index % 256 === 0) {
      signal.throwIfAborted();
      // Others are served between two bundles.
      await new Promise(setImmediate);
    }
    yield { index, bytes, entry: parseEntry(index, bytes) };
  }
}

function parseEntry(index: number, bytes: Uint8Array): ScannedEntry {
  try {
    return scannedEntry.parse(JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()));
  } catch (cause) {
    throw new QueryApiError("conflict", `entry ${index} of the log is no record`, {
      hint: "the log was changed: run `runledger verify`",
      cause,
    });
  }
}
