import { exportFilter, statePath } from "@runledger/contract";
import { createStateDocument, type Objects, type StateDocument } from "@runledger/storage";
import { z } from "zod";

const text = z.string();
/** A bundle that was made straight from the objects. It waits here to become a record of the log. */
const offlineExportNote = z.strictObject({
  export_id: text,
  /** Epoch ms. */
  time_ms: z.number().int(),
  /** The user of the operating system. */
  by: text,
  tenant: text,
  recipient: text,
  reason: text.nullable(),
  filter: exportFilter,
  content: z.boolean(),
  shards: z.array(text),
  sha256: text,
  size_bytes: z.number().int(),
});
export type OfflineExportNote = z.infer<typeof offlineExportNote>;

/** Those that are not recorded yet: who does is `recordNoted`. */
export function createOfflineExports(objects: Objects): StateDocument<OfflineExportNote[]> {
  return createStateDocument(objects, statePath("offline-exports"), z.array(offlineExportNote), []);
}

/** Those of a person name what stands for the person from now on. Again has no effect. */
export async function renameInOfflineExports(
  objects: Objects,
  { tenant, userId, label }: { tenant: string; userId: string; label: string },
): Promise<void> {
  const isOf = (note: OfflineExportNote) => note.tenant === tenant && note.filter.user === userId;
  await createOfflineExports(objects).update((notes) =>
    notes.some(isOf)
      ? notes.map((note) => (isOf(note) ? { ...note, filter: { ...note.filter, user: label } } : note))
      : notes,
  );
}
