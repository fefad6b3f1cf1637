import type { SimulatedDisk, SimulatedHandle } from "./simulated-disk.ts";

/**
 * Stands for `node:fs/promises` in the journal, the keys and what makes files durable (`simulated-io.ts`): the real code runs on simulated disks. A path
 * begins with its machine's name: `/a/journal`.
 */
const disks = new Map<string, SimulatedDisk>();

export function mount(machine: string, disk: SimulatedDisk): void {
  disks.set(machine, disk);
}

function diskOf(path: string): SimulatedDisk {
  const disk = disks.get(path.split("/")[1] ?? "");
  if (disk === undefined) throw new Error(`no simulated disk for ${path}`);
  return disk;
}

/** Without what leads up: `/a/journal/cursors/..` is `/a/journal`. */
const plain = (path: string): string => path.replace(/\/[^/]+\/\.\.$/, "");

export async function open(path: string, flags = "r"): Promise<object> {
  return asFileHandle(await diskOf(path).open(plain(path), flags));
}

export async function readFile(path: string, encoding?: "utf8"): Promise<Buffer | string> {
  const bytes = await diskOf(path).readFile(plain(path));
  return encoding === undefined ? bytes : bytes.toString(encoding);
}

export const readdir = (path: string): Promise<string[]> => diskOf(path).readdir(plain(path));
export const rename = (from: string, to: string): Promise<void> => diskOf(from).rename(plain(from), plain(to));
export const link = (from: string, to: string): Promise<void> => diskOf(from).link(plain(from), plain(to));
export const unlink = (path: string): Promise<void> => diskOf(path).unlink(plain(path));
export const mkdir = (path: string): Promise<void> => diskOf(path).mkdir(plain(path));
/** Only files are removed. */
export const rm = unlink;
/** Its disks have always room: they fail in other ways. */
export const statfs = async (): Promise<{ bavail: number; bsize: number }> => ({ bavail: 1 << 30, bsize: 4_096 });

function asFileHandle(handle: SimulatedHandle): object {
  return {
    write: async (bytes: Uint8Array, from: number, length: number, at: number) => {
      await handle.write(bytes, from, length, at);
      return { bytesWritten: length };
    },
    writev: async (parts: Uint8Array[], at: number) => {
      const bytes = Buffer.concat(parts);
      await handle.write(bytes, 0, bytes.length, at);
      return { bytesWritten: bytes.length };
    },
    writeFile: (data: string | Uint8Array) => handle.append(Buffer.from(data as Uint8Array)),
    read: async (into: Uint8Array, from: number, length: number, at: number) => ({
      bytesRead: await handle.read(into, from, length, at),
    }),
    truncate: (length: number) => handle.truncate(length),
    stat: async () => ({ size: await handle.size() }),
    sync: () => handle.sync(),
    datasync: () => handle.sync(),
    close: () => handle.close(),
  };
}
