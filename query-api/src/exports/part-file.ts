import { once } from "node:events";
import { createWriteStream, type WriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname } from "node:path";
import { finished } from "node:stream/promises";

/** What must be whole before its size can stand in a tar, or would take too much memory: a file beside the bundle, while that is made. */
export interface PartFile {
  readonly path: string;
  /** Resolves when it may go on. @throws the file system's errors. */
  write(text: string): Promise<void>;
  close(): Promise<void>;
}

const BUFFERED_BYTES = 256 * 1024;

/** By their directory: a file that is removed while it is open keeps its room on the disk. */
const openIn = new Map<string, Set<WriteStream>>();

/** Ends what is still open in a directory of part files, and removes it with all that is in it. */
export async function removePartFiles(directory: string): Promise<void> {
  for (const stream of openIn.get(directory) ?? []) {
    stream.destroy();
    if (!stream.closed) await once(stream, "close");
  }
  await rm(directory, { recursive: true, force: true });
}

/** @param path of no file yet. */
export function createPartFile(path: string): PartFile {
  const stream = createWriteStream(path, { flags: "wx", mode: 0o600, highWaterMark: BUFFERED_BYTES });
  const directory = dirname(path);
  const open = openIn.get(directory) ?? new Set();
  openIn.set(directory, open.add(stream));
  stream.once("close", () => {
    open.delete(stream);
    if (open.size === 0) openIn.delete(directory);
  });
  const done = finished(stream);
  done.catch(() => undefined); // seen where it is awaited
  return {
    path,
    async write(text) {
      if (stream.write(text)) return;
      await Promise.race([once(stream, "drain"), done]);
    },
    async close() {
      stream.end();
      await done;
    },
  };
}
