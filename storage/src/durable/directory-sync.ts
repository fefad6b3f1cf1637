import { mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";

/** Makes directories durably, and fsyncs them for many writers at once. */
export interface DirectorySync {
  /** Makes a directory and what leads to it; durable when it resolves. Known directories cost nothing. */
  make(directory: string): Promise<void>;
  /** Resolves after an fsync of the directory that began after this call; calls that wait together share one. */
  sync(directory: string): Promise<void>;
  /** To be made anew when needed: it may have been removed. */
  forget(directory: string): void;
}

/** Beyond it all are forgotten and made again when next needed. */
const MAX_KNOWN_DIRECTORIES = 10_000;

/** Makes one directory and what leads to it, as `DirectorySync.make` does. */
export function makeDirectory(directory: string, mode?: number): Promise<void> {
  return createDirectorySync(mode).make(directory);
}

/** `mode`: of the directories it makes. */
export function createDirectorySync(mode = 0o777): DirectorySync {
  const made = new Map<string, Promise<void>>();
  const running = new Map<string, Promise<void>>();
  const waiting = new Map<string, Promise<void>>();

  const run = (directory: string): Promise<void> => {
    const done = syncDirectory(directory).finally(() => {
      if (running.get(directory) === done) running.delete(directory);
    });
    running.set(directory, done);
    return done;
  };
  const sync = (directory: string): Promise<void> => {
    const current = running.get(directory);
    if (current === undefined) return run(directory);
    // The fsync under way may have begun before the caller's change: one more, shared by all who come now.
    const joined =
      waiting.get(directory) ??
      current
        .catch(() => undefined)
        .then(() => {
          waiting.delete(directory);
          return run(directory);
        });
    waiting.set(directory, joined);
    return joined;
  };
  const make = (directory: string): Promise<void> => {
    const known = made.get(directory);
    if (known !== undefined) return known;
    const making = makeDurably(directory, mode, make, sync);
    if (made.size >= MAX_KNOWN_DIRECTORIES) made.clear();
    made.set(directory, making);
    making.catch(() => made.delete(directory));
    return making;
  };
  return { make, sync, forget: (directory) => made.delete(directory) };
}

async function makeDurably(
  directory: string,
  mode: number,
  make: (parent: string) => Promise<void>,
  sync: (directory: string) => Promise<void>,
): Promise<void> {
  const parent = dirname(directory);
  try {
    await mkdir(directory, { mode });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : null;
    if (code === "EEXIST") return parent === directory ? undefined : sync(parent).catch(passWhenUnreadable);
    if (code !== "ENOENT") throw error;
    await make(parent);
    await mkdir(directory, { mode }).catch((again) => {
      if (again.code !== "EEXIST") throw again;
    });
  }
  await sync(parent);
}

/** Whoever may not read a directory did not make what is in it. */
function passWhenUnreadable(error: NodeJS.ErrnoException): void {
  if (error.code !== "EACCES") throw error;
}

/** Makes created, renamed and removed names in `directory` survive power loss. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
