import type { PayloadSubject } from "@runledger/contract";
import { StorageError } from "../error.ts";
import type { Objects } from "../objects/objects.ts";
import { currentRing, rotatedMeanwhile } from "./current-ring.ts";
import { isDying, isRetired, type KeyChanges, readKeyChanges } from "./key-changes.ts";
import {
  type DataKey,
  type KeyRing,
  listRings,
  MAX_RING_KEYS,
  newDataKey,
  pseudonymOf,
  ringName,
  sequenceOf,
  unwrapDataKey,
  type WrappedKey,
  writeRing,
} from "./key-ring.ts";
import type { RootSecrets } from "./root-secrets.ts";

/** Whose content is to be sealed, and in which month it came (`monthPrefix`): each month has keys of its own, so that they can expire. */
export interface KeyRequest {
  subject: PayloadSubject;
  month: string;
}

/** Gives those who seal their keys. One caller at a time; any number of processes. */
export interface KeyWriter {
  /**
   * A key for each request, in order: the one it had before, in whatever process, or a new one. Durable when it resolves, so nothing is ever sealed
   * under a key that a crash can lose. Asked again after a rejection it gives the same. A key that is destroyed, or about to be, is never given.
   * @throws StorageError `rejected` when the master key was rotated since the root was opened: what hangs on the old one is thrown away.
   */
  keysFor(requests: readonly KeyRequest[]): Promise<DataKey[]>;
}

/** Of a month: with more subjects than these have, the oldest are forgotten and get a second key when they come again. */
const MAX_LOADED_RINGS = 1_000;
const MAX_KNOWN = MAX_LOADED_RINGS * MAX_RING_KEYS * 2;
const RINGS_AT_ONCE = 8;
const MAX_MONTHS = 4;
const MAX_CONFLICTS = 50;

interface Month {
  /** By pseudonym; opened when first used. */
  known: Map<string, { wrapped: WrappedKey; dataKey: DataKey | null }>;
  /** The one that new keys go to, as it is stored. */
  open: KeyRing;
}

export function createKeyWriter(objects: Objects, secrets: RootSecrets): KeyWriter {
  let generation: number | null = null;
  const months = new Map<string, Month>();

  const monthOf = async (name: string, changes: KeyChanges): Promise<Month> => {
    const month = months.get(name) ?? (await loadMonth(objects, secrets, name, changes));
    months.set(name, month);
    return month;
  };

  /** One ring at a time: a crash leaves keys that nobody has used, and that are found again. */
  const makeKeys = async (month: Month, subjects: readonly string[]): Promise<void> => {
    let left = subjects;
    while (left.length > 0) {
      if (month.open.keys.length >= MAX_RING_KEYS) month.open = nextRing(month.open, secrets);
      const made = left.slice(0, MAX_RING_KEYS - month.open.keys.length).map((subject) => ({
        subject,
        ...newDataKey(secrets, month.open.ring, subject),
      }));
      const ring = { ...month.open, keys: [...month.open.keys, ...made.map(({ stored }) => stored)] };
      const version = await writeRing(objects, ring);
      month.open = { ...ring, version };
      for (const { subject, stored, dataKey } of made) month.known.set(subject, { wrapped: stored, dataKey });
      left = left.slice(made.length);
    }
  };

  const give = async (requests: readonly KeyRequest[]): Promise<DataKey[]> => {
    const changes = await readKeyChanges(objects);
    refuseRetired(changes, secrets);
    const isFull = months.size > MAX_MONTHS || [...months.values()].some(({ known }) => known.size > MAX_KNOWN);
    if (changes.generation !== generation || isFull) months.clear();
    generation = changes.generation;
    const wanted = requests.map(({ subject, month }) => ({ subject: pseudonymOf(secrets, subject), month }));
    let isSure = true;
    for (const name of new Set(wanted.map(({ month }) => month))) {
      isSure &&= months.has(name);
      const month = await monthOf(name, changes);
      const subjects = new Set(wanted.filter((one) => one.month === name).map(({ subject }) => subject));
      const missing = [...subjects].filter((subject) => !month.known.has(subject));
      isSure &&= missing.length === 0;
      await makeKeys(month, missing);
    }
    // Made or read since we looked: only if no rotation has begun until now does it find these rings when it lists them. Afterwards, for ever.
    if (!isSure) refuseRetired(await readKeyChanges(objects), secrets);
    return wanted.map(({ subject, month }) => open(secrets, months.get(month)?.known.get(subject)));
  };

  return {
    keysFor: async (requests) => {
      for (let attempt = 1; ; attempt++) {
        try {
          return await give(requests);
        } catch (error) {
          // What is remembered may be older than what is stored: another writer's keys, or a write of ours whose answer was lost.
          months.clear();
          if (!(error instanceof StorageError && error.code === "conflict")) throw error;
          if (attempt === MAX_CONFLICTS) throw new StorageError("unavailable", "data keys: too many writers", error);
        }
      }
    },
  };
}

async function loadMonth(objects: Objects, secrets: RootSecrets, name: string, changes: KeyChanges): Promise<Month> {
  const names = (await listRings(objects, name)).slice(-MAX_LOADED_RINGS);
  const known: Month["known"] = new Map();
  let last: KeyRing | null = null;
  for (let at = 0; at < names.length; at += RINGS_AT_ONCE) {
    const some = names.slice(at, at + RINGS_AT_ONCE);
    const rings = await Promise.all(some.map((ring) => currentRing(objects, secrets, changes, ring)));
    for (const ring of rings.filter((one) => one !== null)) {
      last = ring;
      for (const wrapped of ring.keys)
        if (!isDying(changes, wrapped.id)) known.set(wrapped.subject, { wrapped, dataKey: null });
    }
  }
  const newest = names.at(-1);
  if (last !== null && last.ring === newest) return { known, open: last };
  const sequence = newest === undefined ? 0 : sequenceOf(newest) + 1;
  return { known, open: emptyRing(secrets, ringName(name, sequence)) };
}

function nextRing({ ring }: KeyRing, secrets: RootSecrets): KeyRing {
  return emptyRing(secrets, ringName(ring.slice(0, 3), sequenceOf(ring) + 1));
}

function emptyRing(secrets: RootSecrets, ring: string): KeyRing {
  return { ring, wrappingKeyId: secrets.currentId, keys: [], version: null };
}

function open(secrets: RootSecrets, found: { wrapped: WrappedKey; dataKey: DataKey | null } | undefined): DataKey {
  if (found === undefined) throw new StorageError("unavailable", "a data key vanished while it was asked for");
  found.dataKey ??= unwrapDataKey(secrets, secrets.currentId, found.wrapped);
  return found.dataKey;
}

function refuseRetired(changes: KeyChanges, { currentId }: RootSecrets): void {
  if (isRetired(changes, currentId)) throw rotatedMeanwhile();
}
