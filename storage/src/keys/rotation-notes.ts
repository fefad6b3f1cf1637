import { statePath } from "@runledger/contract";
import { z } from "zod";
import type { Objects } from "../objects/objects.ts";
import { createStateDocument, type StateDocument } from "../state/state-document.ts";

/** A rotation of the master key. It happens while no collector runs, so that it waits here to become a record of the log. */
const rotationNote = z.strictObject({
  /** Of the wrapping key that it made: the same when it was interrupted and run again. */
  rotation_id: z.string(),
  /** Of the master key that it went to. */
  master_id: z.string(),
  /** Epoch ms. */
  time_ms: z.number().int(),
  /** The user of the operating system. */
  by: z.string(),
  reason: z.string().nullable(),
  recorded: z.boolean(),
});
export type RotationNote = z.infer<typeof rotationNote>;

export function createRotationNotes(objects: Objects): StateDocument<RotationNote[]> {
  return createStateDocument(objects, statePath("master-key-rotations"), z.array(rotationNote), []);
}

/** Once for each rotation. The newest stays when it is recorded: only that one can be run again. */
export async function noteRotation(objects: Objects, note: Omit<RotationNote, "recorded">): Promise<void> {
  await createRotationNotes(objects).update((before) =>
    before.some(({ rotation_id }) => rotation_id === note.rotation_id)
      ? before
      : [...before.filter(({ recorded }) => !recorded), { ...note, recorded: false }],
  );
}
