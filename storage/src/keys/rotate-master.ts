import { StorageError } from "../error.ts";
import type { Objects } from "../objects/objects.ts";
import { currentRing } from "./current-ring.ts";
import { readKeyChanges, retireWrappingKeys } from "./key-changes.ts";
import { listRings } from "./key-ring.ts";
import type { MasterKey } from "./master-key.ts";
import {
  loadOrCreateMasterKey,
  loadOrCreateNextKey,
  type MasterKeySource,
  readMasterKeys,
  removeMasterKeyFile,
  replaceByNextKey,
} from "./master-key-source.ts";
import { newWrappingKey, readRoot, type StoredRoot, writeRoot } from "./root-secrets.ts";
import { createRotationNotes, noteRotation, type RotationNote } from "./rotation-notes.ts";

export interface Rotation {
  masterId: string;
  rings: number;
  keys: number;
  /** All was wrapped by it before: nothing was changed. */
  wasDone: boolean;
}

/**
 * Wraps everything anew: the root by another master key, every data key under another wrapping key. Payloads are not touched. Until the end both
 * master keys open what there is, so interrupted anywhere it is simply run again, or not. No collector should run meanwhile: one that does stops, and
 * nothing that it sealed is lost. For that the order is: root with both wrapping keys; the old one is said to be retired; rings are listed, and wrapped anew; root without it.
 * `next`: the master key to go to, another source; without it, a new one in the file's place. `act`: for the log, which has it once a collector runs. @throws StorageError.
 */
export async function rotateMasterKey(
  objects: Objects,
  source: MasterKeySource,
  next: MasterKeySource | null,
  act: Pick<RotationNote, "time_ms" | "by" | "reason">,
  onProgress: (rings: number, total: number) => void = () => undefined,
): Promise<Rotation> {
  if (next === null && !("file" in source))
    throw new StorageError(
      "rejected",
      "give the new master key in RUNLEDGER_MASTER_KEY_NEXT (openssl rand -base64 32), or: file, module:PATH",
    );
  const target = await targetOf(source, next);
  const at = [...(await readMasterKeys(source)), target];
  const root = await readRoot(objects, at);
  if (root === null) throw new StorageError("rejected", "nothing was sealed yet: there are no keys to rotate");

  const wasDone = isDone(root, target);
  // Of a rotation that was interrupted right before its end there is a note.
  if (wasDone && !(await isNoted(objects, root)))
    throw new StorageError("rejected", `the new master key is the one in use, ${target.id}: nothing was changed`);
  const begun = isBegun(root, target) ? root : await begin(objects, root, at, target);
  // Whoever opens the root from here on wraps under the new one; whoever did before stops now, or made rings that are listed below (`KeyWriter`).
  const old = [...begun.secrets.wrappingKeys.keys()].filter((id) => id !== begun.secrets.currentId);
  await retireWrappingKeys(objects, old);
  const changes = await readKeyChanges(objects);
  const rings = await listRings(objects);
  let keys = 0;
  for (const [index, name] of rings.entries()) {
    keys += (await currentRing(objects, begun.secrets, changes, name))?.keys.length ?? 0;
    onProgress(index + 1, rings.length);
  }
  // Before the old key opens nothing any more, so that no rotation is without a record.
  await noteRotation(objects, { rotation_id: begun.secrets.currentId, master_id: target.id, ...act });
  // A crash before this: all is wrapped twice, and run again it ends here.
  await finish(objects, begun, target);
  if (next === null && "file" in source) await replaceByNextKey(source.file);
  else if ("file" in source) await removeMasterKeyFile(source.file);
  return { masterId: target.id, rings: rings.length, keys, wasDone };
}

async function targetOf(source: MasterKeySource, next: MasterKeySource | null): Promise<MasterKey> {
  if (next !== null) return await loadOrCreateMasterKey(next);
  if ("file" in source) return await loadOrCreateNextKey(source.file);
  throw new StorageError("rejected", "there is no master key to go to");
}

/** Wrapped by the target: this rotation went at least so far, perhaps in a process that crashed. */
function isBegun({ masterIds }: StoredRoot, target: MasterKey): boolean {
  return masterIds.includes(target.id);
}

function isDone({ masterIds, secrets }: StoredRoot, target: MasterKey): boolean {
  return masterIds.every((id) => id === target.id) && secrets.wrappingKeys.size === 1;
}

async function isNoted(objects: Objects, { secrets }: StoredRoot): Promise<boolean> {
  const notes = await createRotationNotes(objects).read();
  return notes.some(({ rotation_id }) => rotation_id === secrets.currentId);
}

async function begin(
  objects: Objects,
  { secrets, version, masterIds }: StoredRoot,
  masters: readonly MasterKey[],
  target: MasterKey,
): Promise<StoredRoot> {
  const { id, key } = newWrappingKey();
  const changed = { ...secrets, wrappingKeys: new Map([...secrets.wrappingKeys, [id, key]]), currentId: id };
  const both = masters.filter((master) => master.id === target.id || masterIds.includes(master.id));
  await writeRoot(objects, both, changed, version);
  return await again(objects, masters);
}

async function finish(objects: Objects, { secrets, version }: StoredRoot, target: MasterKey): Promise<void> {
  const current = [...secrets.wrappingKeys].filter(([id]) => id === secrets.currentId);
  await writeRoot(objects, [target], { ...secrets, wrappingKeys: new Map(current) }, version);
}

async function again(objects: Objects, masters: readonly MasterKey[]): Promise<StoredRoot> {
  const root = await readRoot(objects, masters);
  if (root === null) throw new StorageError("unavailable", "keys/root.json vanished");
  return root;
}
