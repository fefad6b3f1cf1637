import { StorageError } from "../error.ts";
import type { Objects } from "../objects/objects.ts";
import { isRetired, type KeyChanges } from "./key-changes.ts";
import { type KeyRing, readRing, unwrapDataKey, wrapDataKey, writeRing } from "./key-ring.ts";
import type { RootSecrets } from "./root-secrets.ts";

const MAX_CONFLICTS = 50;

/**
 * A ring as it is under the current wrapping key: wrapped anew, in one write, if it was under another that a rotation has not thrown away yet. Null: there is none;
 * or only one under a key that is thrown away, whose writer noticed just too late, and so gave none of its keys to anybody.
 * @throws StorageError `rejected` for one under a key that neither the root has nor a rotation threw away: it is of a newer root.
 */
export async function currentRing(
  objects: Objects,
  secrets: RootSecrets,
  changes: KeyChanges,
  name: string,
): Promise<KeyRing | null> {
  for (let attempt = 1; ; attempt++) {
    const ring = await readRing(objects, name);
    if (ring === null || ring.wrappingKeyId === secrets.currentId) return ring;
    if (!secrets.wrappingKeys.has(ring.wrappingKeyId)) {
      if (isRetired(changes, ring.wrappingKeyId)) return null;
      throw rotatedMeanwhile();
    }
    try {
      return await wrapAnew(objects, secrets, ring);
    } catch (error) {
      if (!(error instanceof StorageError && error.code === "conflict") || attempt === MAX_CONFLICTS) throw error;
    }
  }
}

/** What a process that goes by an older root must be told. */
export function rotatedMeanwhile(): StorageError {
  return new StorageError(
    "rejected",
    "the master key was rotated since this process was started (or an older keys/root.json was restored), and what it would seal now could never be read again. Start it again with the new master key (RUNLEDGER_MASTER_KEY, or a copy of keys/master.key): it goes on with what its journal has",
  );
}

async function wrapAnew(objects: Objects, secrets: RootSecrets, ring: KeyRing): Promise<KeyRing> {
  const keys = ring.keys.map((key) =>
    wrapDataKey(secrets, unwrapDataKey(secrets, ring.wrappingKeyId, key), key.subject),
  );
  const anew = { ...ring, wrappingKeyId: secrets.currentId, keys };
  // Unique by its new wrapping key; and a ring must not grow without a new key (`monthSizes`), as one of an older version would.
  const plain = (document: unknown) => Buffer.from(JSON.stringify(document));
  return { ...anew, version: await writeRing(objects, anew, plain) };
}
