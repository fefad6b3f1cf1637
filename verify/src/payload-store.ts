import { randomBytes, randomUUID } from "node:crypto";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDigestSet } from "@runledger/contract";

/** Contents that were read, kept for those that go on from them: in memory while they are few, then in a temporary file without a name. */
export interface PayloadStore {
  /** Once for each identity: another is the same content. */
  add(id: string, plaintext: Buffer): Promise<void>;
  has(id: string): boolean;
  /** Null: it was not added. */
  read(id: string): Promise<Buffer | null>;
  close(): Promise<void>;
}

const MAX_MEMORY_BYTES = 32 * 1024 * 1024;
/** So much is written at once. */
const WRITE_BYTES = 1024 * 1024;

export function createPayloadStore(maxMemoryBytes = MAX_MEMORY_BYTES): PayloadStore {
  const ids = createDigestSet(randomBytes(16));
  /** In the order of `ids`: those in memory, then where those in the file begin and end. */
  const inMemory: Buffer[] = [];
  let memoryBytes = 0;
  const ends: number[] = [0];
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  let file: FileHandle | null = null;

  const flush = async (): Promise<FileHandle> => {
    file ??= await openNameless();
    if (pendingBytes > 0) await file.writeFile(Buffer.concat(pending));
    pending = [];
    pendingBytes = 0;
    return file;
  };
  return {
    async add(id, plaintext) {
      if (!ids.add(id)) return;
      if (ends.length === 1 && memoryBytes + plaintext.length <= maxMemoryBytes) {
        memoryBytes += plaintext.length;
        inMemory.push(Buffer.from(plaintext)); // a part of a chunk would keep all of it
        return;
      }
      ends.push((ends.at(-1) ?? 0) + plaintext.length);
      pending.push(plaintext);
      pendingBytes += plaintext.length;
      if (pendingBytes >= WRITE_BYTES) await flush();
    },
    has: (id) => ids.indexOf(id) >= 0,
    async read(id) {
      const at = ids.indexOf(id);
      if (at < inMemory.length) return inMemory[at] ?? null;
      const [begin = 0, end = 0] = ends.slice(at - inMemory.length, at - inMemory.length + 2);
      return await readAll(await flush(), begin, end - begin);
    },
    close: async () => file?.close(),
  };
}

/** Gone with the process, however it ends. */
async function openNameless(): Promise<FileHandle> {
  const path = join(tmpdir(), `runledger-verify-${randomUUID()}`);
  const file = await open(path, "wx+", 0o600);
  await unlink(path);
  return file;
}

async function readAll(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; ) {
    const { bytesRead } = await file.read(bytes, at, length - at, position + at);
    if (bytesRead === 0) throw new Error("a temporary file is shorter than it was");
    at += bytesRead;
  }
  return bytes;
}
