import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { BUNDLE_FILES, TAR_BLOCK_BYTES, tarHeader, tarPadding } from "@runledger/contract";

/** Writes a bundle's tar, file by file. Not durable before `finish` resolves. */
export interface TarWriter {
  file(path: string, content: Uint8Array | string): Promise<void>;
  /** The content of a file that is there already. */
  fileFrom(path: string, source: string): Promise<void>;
  /** SHA256SUMS of all files so far, and the end. */
  finish(): Promise<{ sizeBytes: number; sha256: string }>;
  /** After a failure: closes, and leaves what was written to the caller. */
  abandon(): Promise<void>;
  readonly writtenBytes: number;
}

/** Where files go: the tar, or a folder in it. */
export type TarFolder = Pick<TarWriter, "file">;

/** @param name ends in a slash; empty: the tar itself. */
export function tarFolder(tar: TarFolder, name: string): TarFolder {
  return { file: (path, content) => tar.file(name + path, content) };
}

/** @throws the file system's errors; `EEXIST` unless the file is new. */
export async function createTarWriter(target: string): Promise<TarWriter> {
  const handle = await open(target, "wx", 0o600);
  const whole = createHash("sha256");
  const sums: string[] = [];
  let writtenBytes = 0;

  const append = async (bytes: Uint8Array): Promise<void> => {
    whole.update(bytes);
    await writeAll(handle, bytes);
    writtenBytes += bytes.length;
  };
  const file = async (path: string, content: Uint8Array | string): Promise<void> => {
    const bytes = typeof content === "string" ? Buffer.from(content) : content;
    sums.push(`${createHash("sha256").update(bytes).digest("hex")}  ${path}\n`);
    await append(Buffer.concat([tarHeader(path, bytes.length), bytes, Buffer.alloc(tarPadding(bytes.length))]));
  };
  return {
    file,
    async fileFrom(path, source) {
      const { size } = await stat(source);
      const hash = createHash("sha256");
      let left = size;
      await append(tarHeader(path, size));
      for await (const chunk of createReadStream(source)) {
        hash.update(chunk);
        left -= chunk.length;
        await append(chunk);
      }
      if (left !== 0) throw new Error(`${source} changed while it was read`);
      await append(Buffer.alloc(tarPadding(size)));
      sums.push(`${hash.digest("hex")}  ${path}\n`);
    },
    async finish() {
      await file(BUNDLE_FILES.sums, sums.join(""));
      await append(Buffer.alloc(2 * TAR_BLOCK_BYTES));
      await handle.datasync();
      await handle.close();
      return { sizeBytes: writtenBytes, sha256: whole.digest("hex") };
    },
    abandon: () => handle.close(),
    get writtenBytes() {
      return writtenBytes;
    },
  };
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) at += (await handle.write(bytes, at)).bytesWritten;
}
