import { randomUUID } from "node:crypto";
import { open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { syncDirectory } from "../durable/directory-sync.ts";
import { StorageError } from "../error.ts";

/** One small file that is replaced as a whole. Of several that save at once the last stands; none sees half of another's. */
export interface KeptNote {
  /** What was saved last, null before the first time. @throws StorageError `unavailable`. */
  load(): Promise<Uint8Array | null>;
  /** Survives power loss when it resolves. A crash before that leaves the old note, or has the new one. @throws StorageError `unavailable`. */
  save(note: Uint8Array): Promise<void>;
}

export function openKeptNote(path: string): KeptNote {
  const failed = (cause: NodeJS.ErrnoException): never => {
    throw new StorageError("unavailable", `${path}: ${cause.code ?? String(cause)}`, cause);
  };
  const load = (): Promise<Uint8Array | null> =>
    readFile(path).catch((error) => (error.code === "ENOENT" ? null : failed(error)));
  const save = async (note: Uint8Array): Promise<void> => {
    // A name of its own: two keepers of one key may save at the same time.
    const temporary = `${path}.${randomUUID()}.new`;
    try {
      await writeSynced(temporary, note);
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    await syncDirectory(dirname(path));
  };
  return { load, save: (note) => save(note).catch(failed) };
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, "w", 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}
