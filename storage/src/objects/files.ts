import { createHash, randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { link, open, readdir, readFile, rename, rmdir, stat, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { MAX_OBJECT_BYTES } from "@runledger/contract";
import { createDirectorySync } from "../durable/directory-sync.ts";
import { fileError } from "../durable/file-error.ts";
import { StorageError } from "../error.ts";
import { createFileLock } from "./file-lock.ts";
import { checkedPath, refuseEvidence } from "./object-path.ts";
import type { Objects, ObjectVersion, StoredObject } from "./objects.ts";

/** Beside the objects, where no path of one can lead: segments of paths never start with a dot. */
const TEMPORARY_DIRECTORY = ".tmp";
const LOCK_FILE = ".lock";

/** Who opens a directory only to read may stand before evidence: nothing is made in it, and writes fail. */
export type FileAccess = "read" | "write";

/**
 * Objects as files below a directory: written aside, fsynced, then linked or renamed into place, and the directory fsynced.
 * A crash leaves at most a file in `.tmp`, which nobody reads. Any number of processes may share the directory.
 */
export async function createFileObjects(root: string, access: FileAccess = "write"): Promise<Objects> {
  const directories = createDirectorySync();
  if (access === "write") await directories.make(join(root, TEMPORARY_DIRECTORY)).catch(asStorageError(root));
  const lock = createFileLock(join(root, LOCK_FILE));
  const fileOf = (path: string): string => join(root, checkedPath(path));

  /** Writes aside, then lets `place` put it where it belongs; once more if the directory was removed meanwhile. */
  const write = async (path: string, bytes: Uint8Array, place: (from: string, to: string) => Promise<void>) => {
    const file = fileOf(path);
    const temporary = join(root, TEMPORARY_DIRECTORY, randomUUID());
    try {
      await writeDurably(temporary, bytes);
      await directories.make(dirname(file));
      await place(temporary, file).catch(async (error) => {
        if (error?.code !== "ENOENT") throw error;
        directories.forget(dirname(file));
        await directories.make(dirname(file));
        await place(temporary, file);
      });
      // Until the directory is synced the name may be lost with the power; the caller has not been told anything yet.
      await directories.sync(dirname(file));
    } finally {
      await unlink(temporary).catch(nullWhenAbsent);
    }
  };
  const readOf = access === "write" ? readFile : readOthersFile;
  const read = async (path: string): Promise<Uint8Array | null> => readOf(fileOf(path)).catch(nullWhenAbsent);
  const replace = (path: string, bytes: Uint8Array): Promise<void> => write(path, bytes, rename);

  return {
    create: async (path, bytes) => {
      await write(path, bytes, link).catch(async (error) => {
        if (error?.code !== "EEXIST") return asStorageError(path)(error);
        const stored = await read(path).catch(asStorageError(path));
        if (stored === null || Buffer.compare(stored, bytes) !== 0) {
          throw new StorageError("conflict", `${path} exists with other bytes`);
        }
        // Another writer linked it: it may not have synced the directory yet, and this caller must be able to rely on it.
        await directories.sync(dirname(fileOf(path))).catch(asStorageError(path));
      });
    },
    replace: async (path, bytes) => {
      refuseEvidence(path, "replaced");
      await replace(path, bytes).catch(asStorageError(path));
    },
    compareAndSet: async (path, bytes, expected) => {
      refuseEvidence(path, "replaced");
      return lock
        .hold(async () => {
          const stored = await read(path);
          if ((stored && versionOf(stored)) !== expected) throw new StorageError("conflict", `${path} has changed`);
          await replace(path, bytes);
          return versionOf(bytes);
        })
        .catch(asStorageError(path));
    },
    read: (path) => read(path).catch(asStorageError(path)),
    readRange: (path, offset, length) => readRange(fileOf(path), offset, length).catch(asStorageError(path)),
    readVersioned: async (path) => {
      const bytes = await read(path).catch(asStorageError(path));
      return bytes && { bytes, version: versionOf(bytes) };
    },
    list: (prefix) => list(root, prefix),
    folders: async (prefix) => {
      const names: string[] = [];
      const found = await readdir(fileOf(prefix.slice(0, -1)), { withFileTypes: true })
        .catch(nullWhenAbsent)
        .catch(asStorageError(prefix));
      for (const entry of found ?? []) {
        // A directory whose objects are gone stays: it is none that has any.
        if (!entry.isDirectory() || entry.name.startsWith(".")) continue;
        for await (const _ of list(root, `${prefix}${entry.name}/`)) {
          names.push(entry.name);
          break;
        }
      }
      return names.sort();
    },
    delete: async (path) => {
      refuseEvidence(path, "deleted");
      const file = fileOf(path);
      await unlink(file).catch(nullWhenAbsent).catch(asStorageError(path));
      // The last partial tile takes its directory along; any other directory is not empty, which is fine.
      directories.forget(dirname(file));
      if (dirname(file).endsWith(".p")) await rmdir(dirname(file)).catch(() => undefined);
    },
  };
}

async function writeDurably(file: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(file, "wx", 0o600);
  try {
    await handle.writeFile(bytes);
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

/** Who only reads may read somebody else's: a pipe there would never end, a device neither. */
async function readOthersFile(file: string): Promise<Uint8Array> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const status = await handle.stat();
    if (!status.isFile() && !status.isDirectory()) throw new Error("it is no file");
    if (status.size > MAX_OBJECT_BYTES) throw new Error(`it has ${status.size} bytes, more than any such object`);
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

async function readRange(file: string, offset: number, length: number): Promise<Uint8Array | null> {
  const handle = await open(file, "r").catch(nullWhenAbsent);
  if (handle === null) return null;
  try {
    const available = Math.max(0, Math.min(length, (await handle.stat()).size - offset));
    const bytes = Buffer.alloc(available);
    const { bytesRead } = await handle.read(bytes, 0, available, offset);
    return bytes.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** Depth first, each directory sorted as its paths are: a directory's name counts with its slash. */
async function* list(root: string, prefix: string): AsyncGenerator<StoredObject> {
  const start = prefix.slice(0, prefix.lastIndexOf("/") + 1);
  if (start !== "") checkedPath(start.slice(0, -1));
  yield* walk(root, start, prefix);
}

async function* walk(root: string, directory: string, prefix: string): AsyncGenerator<StoredObject> {
  const found = await readdir(join(root, directory), { withFileTypes: true })
    .catch(nullWhenAbsent)
    .catch(asStorageError(directory));
  const paths = (found ?? [])
    .filter((entry) => !entry.name.startsWith("."))
    .map((entry) => `${directory}${entry.name}${entry.isDirectory() ? "/" : ""}`)
    .sort();
  for (const path of paths) {
    if (!path.startsWith(prefix) && !prefix.startsWith(path)) continue;
    if (path.endsWith("/")) {
      yield* walk(root, path, prefix);
    } else if (path.startsWith(prefix)) {
      const status = await stat(join(root, path)).catch(nullWhenAbsent).catch(asStorageError(path));
      if (status !== null) yield { path, sizeBytes: status.size };
    }
  }
}

/** Of content: an object that is set back to what it was has its old version again. */
function versionOf(bytes: Uint8Array): ObjectVersion {
  return createHash("sha256").update(bytes).digest("hex");
}

function nullWhenAbsent(error: NodeJS.ErrnoException): null {
  if (error.code === "ENOENT" || error.code === "ENOTDIR" || error.code === "EISDIR") return null;
  throw error;
}

function asStorageError(path: string): (error: unknown) => never {
  return (error) => {
    throw fileError(path, error);
  };
}
