import { open, stat, unlink, utimes } from "node:fs/promises";
import { join } from "node:path";

/**
 * Lets one process at a time empty a spool. Only a courtesy: two that do so at once send records twice, which the collector collapses.
 */
export interface SpoolLock {
  /** False while another one has it, and was at it lately. */
  take(): Promise<boolean>;
  /** Tells that we are still at it. */
  renew(): Promise<void>;
  release(): Promise<void>;
}

/** Whoever did not renew for so long is gone. */
const STALE_MS = 30_000;

export function createSpoolLock(directory: string, now: () => number): SpoolLock {
  const path = join(directory, ".sending");
  const create = async (): Promise<boolean> => {
    try {
      await (await open(path, "wx", 0o600)).close();
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
      throw error;
    }
  };
  return {
    async take() {
      if (await create()) return true;
      const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: 0 })); // released meanwhile: free
      if (now() - mtimeMs < STALE_MS) return false;
      await unlink(path).catch(() => undefined); // another one was faster: `create` tells
      return await create();
    },
    renew: () => utimes(path, now() / 1000, now() / 1000).catch(() => undefined),
    release: () => unlink(path).catch(() => undefined),
  };
}
