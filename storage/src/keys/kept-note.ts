import { open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { syncDirectory } from "../durable/directory-sync.ts";
import { StorageError } from "../error.ts";

/** One small file that is replaced as a whole. One process writes it. */
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
    await writeSynced(`${path}.new`, note);
    await rename(`${path}.new`, path);
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
