import { createHash } from "node:crypto";
import { type Objects, StorageError } from "@runledger/storage";

/** Objects in memory, as strict as S3: write once, compare-and-set by version. Every call asks `before`, and may be refused or end in doubt there. */
export interface MemoryObjects extends Objects {
  readonly stored: Map<string, Uint8Array>;
  /** Creates that met other bytes: what writers in each other's way would see. */
  readonly conflicts: string[];
}

export function createMemoryObjects(): MemoryObjects {
  const stored = new Map<string, Uint8Array>();
  const conflicts: string[] = [];
  const versionOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
  const current = (path: string): string | null => {
    const bytes = stored.get(path);
    return bytes === undefined ? null : versionOf(bytes);
  };
  return {
    stored,
    conflicts,
    create: async (path, bytes) => {
      const present = stored.get(path);
      if (present === undefined) stored.set(path, Uint8Array.from(bytes));
      else if (Buffer.compare(present, bytes) !== 0) {
        conflicts.push(path);
        throw new StorageError("conflict", `${path} exists with other bytes`);
      }
    },
    replace: async (path, bytes) => void stored.set(path, Uint8Array.from(bytes)),
    compareAndSet: async (path, bytes, expected) => {
      if (current(path) !== expected) throw new StorageError("conflict", `${path} has changed`);
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
      for (const path of [...stored.keys()].sort()) {
        if (path.startsWith(prefix)) yield { path, sizeBytes: stored.get(path)?.length ?? 0 };
      }
    },
    folders: async (prefix) => {
      const below = [...stored.keys()]
        .filter((path) => path.startsWith(prefix))
        .map((path) => path.slice(prefix.length));
      return [
        ...new Set(below.filter((path) => path.includes("/")).map((path) => path.slice(0, path.indexOf("/")))),
      ].sort();
    },
    delete: async (path) => void stored.delete(path),
  };
}
