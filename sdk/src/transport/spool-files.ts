import { randomUUID } from "node:crypto";
import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, writeSync } from "node:fs";
import { mkdir, open, readdir, readFile, rename, stat, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** A batch of records as one file: an ExportTraceServiceRequest. Everything but its bytes stands in its name. */
export interface SpoolFile {
  name: string;
  /** Epoch milliseconds. */
  writtenTime: number;
  records: number;
  sizeBytes: number;
}

/**
 * The files of a spool directory, which any number of processes may share. A file appears whole and durable or not at all; only this
 * user may read it, since it holds what the agent saw.
 */
export interface SpoolFiles {
  write(bytes: Uint8Array, records: number): Promise<SpoolFile>;
  /** The same on the spot, for a process that ends. */
  writeNow(bytes: Uint8Array, records: number): void;
  /** The oldest first. */
  list(): Promise<SpoolFile[]>;
  listNow(): SpoolFile[];
  /** Null when another process had it first. */
  read(file: SpoolFile): Promise<Uint8Array | null>;
  remove(file: SpoolFile): Promise<void>;
  /** Keeps what no collector will take beside it, `<its name>-<number>.refused`, for a person to look at. */
  putAside(file: SpoolFile, number: number, bytes: Uint8Array): Promise<void>;
  /** What is put aside, the oldest first. */
  listAside(): Promise<SpoolFile[]>;
}

const NAME = /^(\d{15})-[0-9a-f]+-\d+-(\d+)-(\d+)\.otlp$/;
const REFUSED = ".refused";
const PRIVATE_FILE = 0o600;
const PRIVATE_DIRECTORY = 0o700;

export function createSpoolFiles(directory: string, now: () => number): SpoolFiles {
  // Threads of a process, and ledgers of a thread, have one pid.
  const writer = randomUUID().slice(0, 8);
  let written = 0;
  let made: Promise<unknown> | undefined;
  const nameOf = (bytes: Uint8Array, records: number) => {
    const time = Math.floor(now()).toString().padStart(15, "0");
    return `${time}-${writer}-${written++}-${records}-${bytes.byteLength}.otlp`;
  };

  return {
    async write(bytes, records) {
      made ??= mkdir(directory, { recursive: true, mode: PRIVATE_DIRECTORY });
      await made;
      const name = nameOf(bytes, records);
      const temporary = join(directory, `.${name}`);
      const handle = await open(temporary, "wx", PRIVATE_FILE);
      try {
        await handle.writeFile(bytes);
        await handle.datasync();
      } finally {
        await handle.close();
      }
      await rename(temporary, join(directory, name));
      await syncDirectory(directory);
      return { name, writtenTime: now(), records, sizeBytes: bytes.byteLength };
    },
    writeNow(bytes, records) {
      mkdirSync(directory, { recursive: true, mode: PRIVATE_DIRECTORY });
      const name = nameOf(bytes, records);
      const temporary = join(directory, `.${name}`);
      const descriptor = openSync(temporary, "wx", PRIVATE_FILE);
      try {
        for (let at = 0; at < bytes.byteLength; ) at += writeSync(descriptor, bytes, at);
        fsyncSync(descriptor);
      } finally {
        closeSync(descriptor);
      }
      renameSync(temporary, join(directory, name));
    },
    async list() {
      const names = await readdir(directory).catch(unlessAbsent([]));
      return names.sort().flatMap(fileOf);
    },
    listNow() {
      try {
        return readdirSync(directory).sort().flatMap(fileOf);
      } catch (error) {
        return unlessAbsent([])(error as NodeJS.ErrnoException);
      }
    },
    read: ({ name }) => readFile(join(directory, name)).catch(unlessAbsent(null)),
    remove: ({ name }) => unlink(join(directory, name)).catch(unlessAbsent(undefined)),
    putAside: ({ name }, number, bytes) =>
      writeFile(join(directory, `${name}-${number}${REFUSED}`), bytes, { mode: PRIVATE_FILE }),
    async listAside() {
      const names = (await readdir(directory).catch(unlessAbsent([]))).filter((name) => name.endsWith(REFUSED));
      const aside = names.sort().map(async (name): Promise<SpoolFile> => {
        const { mtimeMs, size } = await stat(join(directory, name));
        return { name, writtenTime: mtimeMs, records: 1, sizeBytes: size };
      });
      return await Promise.all(aside);
    },
  };
}

/** None for what is no file of ours, or not whole. */
function fileOf(name: string): SpoolFile[] {
  const [, time, records, size] = NAME.exec(name) ?? [];
  if (time === undefined) return [];
  return [{ name, writtenTime: Number(time), records: Number(records), sizeBytes: Number(size) }];
}

/** Until then the file's name may be lost with the power. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function unlessAbsent<Value>(value: Value): (error: NodeJS.ErrnoException) => Value {
  return (error) => {
    if (error.code === "ENOENT") return value;
    throw error;
  };
}
