import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { StorageError } from "../error.ts";

/** One holder at a time, over all processes that share the file. */
export interface FileLock {
  hold<Result>(work: () => Promise<Result>): Promise<Result>;
}

const RETRY_MS = 3;
const MAX_WAIT_MS = 10_000;

/**
 * Node has no flock: an SQLite file that stays empty lends its lock, which the kernel releases when a holder dies.
 * Opened at first use. Callers of one process queue up here; between processes the lock is tried again and again.
 */
export function createFileLock(file: string): FileLock {
  let database: DatabaseSync | null = null;
  let last: Promise<unknown> = Promise.resolve();

  const locked = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    database ??= new DatabaseSync(file, { timeout: 0 });
    await begin(database);
    try {
      return await work();
    } finally {
      database.exec("ROLLBACK");
    }
  };
  return {
    hold: (work) => {
      const result = last.then(() => locked(work));
      last = result.catch(() => undefined);
      return result;
    },
  };
}

async function begin(database: DatabaseSync): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += RETRY_MS) {
    try {
      database.exec("BEGIN IMMEDIATE");
      return;
    } catch (error) {
      const busy = error instanceof Error && /locked|busy/i.test(error.message);
      if (!busy || waitedMs >= MAX_WAIT_MS) {
        throw new StorageError("unavailable", "the lock of the object directory can't be had", error);
      }
      await sleep(RETRY_MS);
    }
  }
}
