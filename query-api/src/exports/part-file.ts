import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";

/** What must be whole before its size can stand in a tar, or would take too much memory: a file beside the bundle, while that is made. */
export interface PartFile {
  readonly path: string;
  /** Resolves when it may go on. @throws the file system's errors. */
  write(text: string): Promise<void>;
  close(): Promise<void>;
}

const BUFFERED_BYTES = 256 * 1024;

/** @param path of no file yet. */
export function createPartFile(path: string): PartFile {
  const stream = createWriteStream(path, { flags: "wx", mode: 0o600, highWaterMark: BUFFERED_BYTES });
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
