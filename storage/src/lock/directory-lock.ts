import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { makeDirectory } from "../durable/directory-sync.ts";
import { StorageError } from "../error.ts";

const LOCK_FILE = "lock";
const HOLDER_FILE = "lock.pid";

export interface DirectoryLock {
  /** Lets the next process have the directory. The end of the process does the same, kill -9 too. */
  release(): void;
}

/**
 * Makes this process the only user of a data directory. The lock is the kernel's own on a file (SQLite's exclusive transaction on an
 * empty database): it ends with the process, leaves nothing stale behind, and holds across containers that share the directory.
 * @throws StorageError `locked` naming the directory, the holder and the way out; `rejected` for a directory that can't be written.
 */
export async function acquireDirectoryLock(dir: string): Promise<DirectoryLock> {
  const database = await openLockFile(dir);
  try {
    database.exec("BEGIN EXCLUSIVE");
  } catch (cause) {
    database.close();
    if (!(cause instanceof Error) || !/locked/.test(cause.message))
      throw new StorageError("unavailable", `can't lock ${dir}`, cause);
    const holder = await readFile(join(dir, HOLDER_FILE), "utf8").catch(() => "unknown");
    throw new StorageError(
      "locked",
      `${dir} is in use by process ${holder.trim()}. Stop that process, or give this one a directory of its own (RUNLEDGER_DATA_DIR).`,
      cause,
    );
  }
  // For people only: the lock is the one above.
  await writeFile(join(dir, HOLDER_FILE), `${process.pid}\n`);
  // The exit listener also keeps the database from being garbage-collected, which would unlock the directory under a caller who drops the result.
  const release = () => {
    process.off("exit", release);
    database.close();
  };
  process.on("exit", release);
  return { release };
}

async function openLockFile(dir: string): Promise<DatabaseSync> {
  try {
    await makeDirectory(dir);
    return new DatabaseSync(join(dir, LOCK_FILE));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new StorageError(
      "rejected",
      `${dir} is no directory that this user can write (${why}). Choose another one (RUNLEDGER_DATA_DIR), or change its owner.`,
      cause,
    );
  }
}
