import { keyRingPath } from "@runledger/contract";
import { StorageError } from "../error.ts";
import type { Objects } from "../objects/objects.ts";
import { changeDying, isDying, readKeyChanges } from "./key-changes.ts";
import { type KeyRing, listRings, readRing, writeRing } from "./key-ring.ts";

/** What a key is, without the key. */
export interface KeyFact {
  keyId: string;
  /** Whose, as a pseudonym. */
  subject: string;
}

const RINGS_AT_ONCE = 8;
const MAX_CONFLICTS = 50;

/** The keys of these subjects, in all months; every ring is read. */
export async function findKeysOf(objects: Objects, subjects: ReadonlySet<string>): Promise<KeyFact[]> {
  const found: KeyFact[] = [];
  for await (const ring of allRings(objects, ""))
    for (const { id, subject } of ring.keys) if (subjects.has(subject)) found.push({ keyId: id, subject });
  return found;
}

/**
 * Destroys keys for ever, given by their ids. First all writers are told not to use them, then they go; interrupted anywhere, `finishDestruction`
 * goes on. What was sealed under them in a batch on its way is lost with them, as what came before; what comes after gets a new key.
 */
export async function destroyKeys(objects: Objects, keyIds: readonly string[]): Promise<void> {
  if (keyIds.length === 0) return;
  await changeDying(objects, (dying) => [...new Set([...dying, ...keyIds])]);
  await finishDestruction(objects);
}

/** Destroys all keys of a month (`monthPrefix`) but those of the subjects that are kept. @returns how many. */
export async function destroyMonth(
  objects: Objects,
  month: string,
  keptSubjects: ReadonlySet<string>,
): Promise<number> {
  const dying: string[] = [];
  let kept = 0;
  for await (const ring of allRings(objects, month))
    for (const { id, subject } of ring.keys) {
      if (keptSubjects.has(subject)) kept++;
      else dying.push(id);
    }
  if (dying.length > 0) await destroyKeys(objects, kept === 0 ? [month] : dying);
  return dying.length;
}

/** How many keys a month (`monthPrefix`) still has. */
export async function countKeys(objects: Objects, month: string): Promise<number> {
  let count = 0;
  for await (const { keys } of allRings(objects, month)) count += keys.length;
  return count;
}

/** Removes what a month's destruction has left: its empty rings. To be called when nobody makes keys of that month any more. */
export async function removeEmptyRings(objects: Objects, month: string): Promise<void> {
  for await (const { ring, keys } of allRings(objects, month))
    if (keys.length === 0) await objects.delete(keyRingPath(ring));
}

/** What a crash left undone. Done when nothing is dying any more. */
export async function finishDestruction(objects: Objects): Promise<void> {
  const { dying } = await readKeyChanges(objects);
  if (dying.length === 0) return;
  const gone = { dying };
  for (const name of await ringsOf(objects, dying)) await removeFrom(objects, name, (id) => isDying(gone, id));
  // A crash before this: they are looked for once more, and none is found.
  await changeDying(objects, (now) => now.filter((id) => !dying.includes(id)));
}

async function ringsOf(objects: Objects, dying: readonly string[]): Promise<string[]> {
  const rings = await listRings(objects);
  return rings.filter((ring) => dying.some((prefix) => ring.startsWith(prefix) || prefix.startsWith(ring)));
}

async function removeFrom(objects: Objects, name: string, isGone: (keyId: string) => boolean): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const ring = await readRing(objects, name);
    const keys = ring?.keys.filter(({ id }) => !isGone(id)) ?? [];
    if (ring === null || keys.length === ring.keys.length) return;
    try {
      await writeRing(objects, { ...ring, keys });
      return;
    } catch (error) {
      if (!(error instanceof StorageError && error.code === "conflict") || attempt === MAX_CONFLICTS) throw error;
    }
  }
}

async function* allRings(objects: Objects, prefix: string): AsyncGenerator<KeyRing> {
  const names = await listRings(objects, prefix);
  for (let at = 0; at < names.length; at += RINGS_AT_ONCE) {
    const rings = await Promise.all(names.slice(at, at + RINGS_AT_ONCE).map((name) => readRing(objects, name)));
    for (const ring of rings) if (ring !== null) yield ring;
  }
}
