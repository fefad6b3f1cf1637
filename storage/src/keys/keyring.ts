import type { PayloadSubject } from "@runledger/contract";
import { StorageError } from "../error.ts";
import type { Objects } from "../objects/objects.ts";
import {
  countKeys,
  destroyKeys,
  destroyMonth,
  findKeysOf,
  finishDestruction,
  type KeyFact,
  removeEmptyRings,
} from "./key-destruction.ts";
import { createKeyReader, type KeyReader } from "./key-reader.ts";
import { listRings, monthSizes, pseudonymOf } from "./key-ring.ts";
import { createKeyWriter, type KeyWriter } from "./key-writer.ts";
import type { MasterKey } from "./master-key.ts";
import { loadOrCreateMasterKey, type MasterKeySource, readMasterKeys, replaceByNextKey } from "./master-key-source.ts";
import { newSecrets, type RootSecrets, readRoot, writeRoot } from "./root-secrets.ts";

/** The data keys of an installation, in its object store: wrapped, replaced and deleted like state, no evidence. */
export interface Keyring {
  /** For who seals: one for each process. */
  writer(): KeyWriter;
  /** For who reads: one for each piece of work (`createKeyReader`). */
  reader(): KeyReader;
  pseudonymOf(subject: PayloadSubject): string;
  /** All keys that these pseudonyms have. */
  keysOf(pseudonyms: ReadonlySet<string>): Promise<KeyFact[]>;
  /** The months (`monthPrefix`) that have or had keys, ascending, with the bytes of their rings: more with each key. */
  months(): Promise<Map<string, number>>;
  /** See `destroyKeys`, `destroyMonth`, `removeEmptyRings`, `finishDestruction`. */
  destroy(keyIds: readonly string[]): Promise<void>;
  countKeys(month: string): Promise<number>;
  destroyMonth(month: string, keptPseudonyms: ReadonlySet<string>): Promise<number>;
  removeEmptyRings(month: string): Promise<void>;
  finishDestruction(): Promise<void>;
}

/** Opens the keys that are there. Null: nothing was ever sealed. @throws StorageError `rejected` when the master key is not here. */
export async function openKeyring(objects: Objects, source: MasterKeySource): Promise<Keyring | null> {
  const root = await readRoot(objects, await readMasterKeys(source));
  return root && keyringOf(objects, root.secrets);
}

/** The same, made when there is none. A crash on the way leaves a master key that has wrapped nothing yet. */
export async function openOrCreateKeyring(objects: Objects, source: MasterKeySource): Promise<Keyring> {
  const masters = await readMasterKeys(source);
  const found = await readRoot(objects, masters);
  // A crash just before the end of a rotation: only the next key opens anything.
  const isNext = found?.masterIds.length === 1 && found.masterIds[0] === masters[1]?.id;
  if (isNext && "file" in source) await replaceByNextKey(source.file);
  if (found !== null) return keyringOf(objects, found.secrets);
  const [orphan] = await listRings(objects);
  if (orphan !== undefined)
    throw new StorageError("damaged", "keys/root.json is gone, while there are keys that only it opens: restore it");
  const master = await loadOrCreateMasterKey(source);
  await writeRoot(objects, [master], newSecrets(), null).catch(unlessAnotherWas);
  return keyringOf(objects, await secretsOf(objects, master));
}

function keyringOf(objects: Objects, secrets: RootSecrets): Keyring {
  return {
    writer: () => createKeyWriter(objects, secrets),
    reader: () => createKeyReader(objects, secrets),
    pseudonymOf: (subject) => pseudonymOf(secrets, subject),
    keysOf: (pseudonyms) => findKeysOf(objects, pseudonyms),
    months: () => monthSizes(objects),
    destroy: (keyIds) => destroyKeys(objects, keyIds),
    countKeys: (month) => countKeys(objects, month),
    destroyMonth: (month, kept) => destroyMonth(objects, month, kept),
    removeEmptyRings: (month) => removeEmptyRings(objects, month),
    finishDestruction: () => finishDestruction(objects),
  };
}

async function secretsOf(objects: Objects, master: MasterKey): Promise<RootSecrets> {
  const root = await readRoot(objects, [master]);
  if (root === null) throw new StorageError("unavailable", "keys/root.json vanished");
  return root.secrets;
}

function unlessAnotherWas(error: unknown): void {
  if (!(error instanceof StorageError && error.code === "conflict")) throw error;
}
