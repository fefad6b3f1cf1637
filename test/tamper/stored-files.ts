import { type LogToVerify, type LogVerification, verifyShard } from "@runledger/contract";
import type { Objects } from "@runledger/storage";
import { SHARD } from "./sample-log.ts";

/** All evidence of a store, in memory: thousands of changed copies are looked at. Data keys are none, they may be destroyed; nor is the staged batch. */
export type StoredFiles = ReadonlyMap<string, Uint8Array>;

export async function readFiles(objects: Objects): Promise<StoredFiles> {
  const files = new Map<string, Uint8Array>();
  for await (const { path } of objects.list("")) {
    const bytes = path.startsWith("keys/") || path.includes("/staging/") ? null : await objects.read(path);
    if (bytes !== null) files.set(path, bytes);
  }
  return files;
}

/** The same files with some changed; null removes one. */
export function withChanges(files: StoredFiles, changes: Record<string, Uint8Array | null>): StoredFiles {
  const changed = new Map(files);
  for (const [path, bytes] of Object.entries(changes)) {
    if (bytes === null) changed.delete(path);
    else changed.set(path, bytes);
  }
  return changed;
}

export function verifyFiles(
  files: StoredFiles,
  verifierKeys: string[],
  more: Pick<LogToVerify, "sinceCheckpoint" | "findKey"> = {},
): Promise<LogVerification> {
  const paths = [...files.keys()].sort();
  const objects = {
    read: async (path: string) => files.get(path) ?? null,
    list: async function* (prefix: string) {
      for (const path of paths) if (path.startsWith(prefix)) yield { path };
    },
  };
  return verifyShard(objects, SHARD, { ...more, verifierKeys });
}
