import { createHash } from "node:crypto";
import { type Objects, StorageError } from "@runledger/storage";

/** State documents and keys in memory, by compare-and-set as in any store; a call takes a turn of the event loop, so that callers meet. */
export function createMemoryObjects(): Objects {
  const stored = new Map<string, Uint8Array>();
  const versionOf = (bytes: Uint8Array): string => createHash("md5").update(bytes).digest("hex");
  const put = async (path: string, bytes: Uint8Array): Promise<void> => void stored.set(path, Uint8Array.from(bytes));
  return {
    create: put,
    replace: put,
    compareAndSet: async (path, bytes, expected) => {
      await null;
      const found = stored.get(path);
      if ((found === undefined ? null : versionOf(found)) !== expected)
        throw new StorageError("conflict", `${path} has changed`);
      stored.set(path, Uint8Array.from(bytes));
      return versionOf(bytes);
    },
    read: async (path) => stored.get(path) ?? null,
    readRange: async (path, offset, length) => stored.get(path)?.subarray(offset, offset + length) ?? null,
    readVersioned: async (path) => {
      const bytes = stored.get(path);
      return bytes === undefined ? null : { bytes, version: versionOf(bytes) };
    },
    list: async function* (prefix) {
      for (const [path, { length }] of [...stored].sort(([a], [b]) => (a < b ? -1 : 1)))
        if (path.startsWith(prefix)) yield { path, sizeBytes: length };
    },
    folders: async () => [],
    delete: async (path) => void stored.delete(path),
  };
}
