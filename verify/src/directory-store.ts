import { constants } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { MAX_OBJECT_BYTES } from "@runledger/contract";

/** Objects of a log, by their paths: what is verified. Null when there is no such object. */
export interface Store {
  read(path: string): Promise<Uint8Array | null>;
  /** Ascending. */
  list(prefix: string): AsyncIterable<{ path: string }>;
  /** Names directly below a prefix that ends in a slash and have objects below them. */
  folders(prefix: string): Promise<string[]>;
}

/** A directory of objects, read only. */
export function createDirectoryStore(root: string): Store {
  return {
    read: (path) => readOthersFile(join(root, path)).catch(nullWhenAbsent),
    folders: async (prefix) => {
      const found = await readdir(join(root, prefix), { withFileTypes: true }).catch(nullWhenAbsent);
      return (found ?? [])
        .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
        .map(({ name }) => name)
        .sort();
    },
    list: (prefix) => walk(root, prefix.slice(0, prefix.lastIndexOf("/") + 1), prefix),
  };
}

/** A pipe in somebody else's directory would never end, a device neither. */
async function readOthersFile(file: string): Promise<Uint8Array> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const status = await handle.stat();
    if (!status.isFile() && !status.isDirectory()) throw new Error(`${file} is no file`);
    if (status.size > MAX_OBJECT_BYTES) throw new Error(`${file} is larger than any object`);
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

/** Depth first, a directory's name counting with its slash. */
async function* walk(root: string, directory: string, prefix: string): AsyncGenerator<{ path: string }> {
  const found = (await readdir(join(root, directory), { withFileTypes: true }).catch(nullWhenAbsent)) ?? [];
  const paths = found
    .filter((entry) => !entry.name.startsWith("."))
    .map((entry) => `${directory}${entry.name}${entry.isDirectory() ? "/" : ""}`)
    .sort();
  for (const path of paths) {
    if (!path.startsWith(prefix) && !prefix.startsWith(path)) continue;
    if (path.endsWith("/")) yield* walk(root, path, prefix);
    else if (path.startsWith(prefix)) yield { path };
  }
}

function nullWhenAbsent(error: NodeJS.ErrnoException): null {
  if (error.code === "ENOENT" || error.code === "ENOTDIR" || error.code === "EISDIR") return null;
  throw error;
}
