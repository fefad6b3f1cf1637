import { KEY_CHANGES_PATH } from "@runledger/contract";
import { z } from "zod";
import { StorageError } from "../error.ts";
import { parseJsonObject, uniqueJson } from "../objects/json-object.ts";
import type { Objects, ObjectVersion } from "../objects/objects.ts";

const document = z.strictObject({
  v: z.literal(1),
  /** Grows with each change. Who remembers keys from another generation reads the rings again. */
  generation: z.number().int().nonnegative(),
  /** Ids of keys, or what ids begin with, that are being destroyed: nothing is sealed under them any more. */
  dying: z.array(z.string().regex(/^[0-9a-f]{3,32}$/)),
  /** Ids of wrapping keys that rotations throw away, for ever. Not there before the first rotation, nor in older stores. */
  retired_wrapping_keys: z.array(z.string()).optional(),
});
export type KeyChanges = z.infer<typeof document>;

const NOTHING: KeyChanges = { v: 1, generation: 0, dying: [] };
const MAX_CONFLICTS = 50;

export async function readKeyChanges(objects: Objects): Promise<KeyChanges> {
  return (await load(objects)).changes;
}

/** Says what is dying from now on, in the next generation. Durable when it resolves. */
export async function changeDying(objects: Objects, change: (dying: readonly string[]) => string[]): Promise<void> {
  await changeKeys(objects, (before) => ({ ...before, dying: change(before.dying) }));
}

/**
 * Says that nothing is to be wrapped under these any more. Durable when it resolves, and then this holds: a ring of theirs that is not listed yet was given
 * out by nobody, since its writer reads this before it gives a key of it.
 */
export async function retireWrappingKeys(objects: Objects, ids: readonly string[]): Promise<void> {
  await changeKeys(objects, (before) => {
    const fresh = ids.filter((id) => !isRetired(before, id));
    if (fresh.length === 0) return before;
    return { ...before, retired_wrapping_keys: [...(before.retired_wrapping_keys ?? []), ...fresh] };
  });
}

export function isRetired({ retired_wrapping_keys = [] }: KeyChanges, wrappingKeyId: string): boolean {
  return retired_wrapping_keys.includes(wrappingKeyId);
}

export function isDying({ dying }: Pick<KeyChanges, "dying">, keyId: string): boolean {
  return dying.some((prefix) => keyId.startsWith(prefix));
}

async function changeKeys(objects: Objects, change: (before: KeyChanges) => KeyChanges): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const { changes, version } = await load(objects);
    const changed = change(changes);
    if (changed === changes) return;
    try {
      const next: KeyChanges = { ...changed, generation: changes.generation + 1 };
      await objects.compareAndSet(KEY_CHANGES_PATH, uniqueJson(next), version);
      return;
    } catch (error) {
      if (!(error instanceof StorageError && error.code === "conflict") || attempt === MAX_CONFLICTS) throw error;
    }
  }
}

async function load(objects: Objects): Promise<{ changes: KeyChanges; version: ObjectVersion | null }> {
  const found = await objects.readVersioned(KEY_CHANGES_PATH);
  if (found === null) return { changes: NOTHING, version: null };
  return { changes: parseJsonObject(KEY_CHANGES_PATH, found.bytes, document), version: found.version };
}
