import { createHash, randomBytes } from "node:crypto";
import { link, open, readFile, rename, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { makeDirectory, syncDirectory } from "../durable/directory-sync.ts";
import { StorageError } from "../error.ts";
import { createLocalMasterKey, MASTER_KEY_BYTES, type MasterKey } from "./master-key.ts";
import { openMasterKeyModule } from "./master-key-module.ts";

/** Where the master key comes from: a file, made when it is first needed; the settings (32 bytes as base64); or a driver's module, by its path. */
export type MasterKeySource = { file: string } | { base64: string } | { module: string };

const FILE_FORM = /^runledger-master-key-v1\+([A-Za-z0-9+/]{43}=)\n$/;

/** The master keys of a source: mostly one; two while a rotation is not finished. [] when the file is not there. @throws StorageError `rejected`. */
export async function readMasterKeys(source: MasterKeySource): Promise<MasterKey[]> {
  if ("base64" in source) return [createLocalMasterKey(decodeKey(source.base64, "RUNLEDGER_MASTER_KEY"))];
  if ("module" in source) return [await openMasterKeyModule(source.module)];
  const keys = await Promise.all([source.file, nextFile(source.file)].map(readKeyFile));
  return keys.filter((key) => key !== null);
}

/** The source's master key, made now if it is a file that is not there; of two who make it at once both get the same. */
export async function loadOrCreateMasterKey(source: MasterKeySource): Promise<MasterKey> {
  const [found] = await readMasterKeys(source);
  if (found !== undefined) return found;
  return "file" in source ? await createKeyFile(source.file) : missing("RUNLEDGER_MASTER_KEY");
}

/** The key that a rotation goes to, beside the one in use; kept over a crash. */
export function loadOrCreateNextKey(file: string): Promise<MasterKey> {
  return createKeyFile(nextFile(file));
}

/** The end of a rotation: the next key takes the old one's place, which opens nothing any more. A crash before this is undone by doing it again. */
export async function replaceByNextKey(file: string): Promise<void> {
  await rename(nextFile(file), file).catch((error) => (error.code === "ENOENT" ? undefined : failed(file, error)));
  await syncDirectory(dirname(file));
}

/** The end of a rotation that went from a file to somewhere else. */
export async function removeMasterKeyFile(file: string): Promise<void> {
  await unlink(file).catch((error) => (error.code === "ENOENT" ? undefined : failed(file, error)));
}

function nextFile(file: string): string {
  return `${file}.next`;
}

async function readKeyFile(file: string): Promise<MasterKey | null> {
  const text = await readFile(file, "utf8").catch((error) => (error.code === "ENOENT" ? null : failed(file, error)));
  if (text === null) return null;
  const base64 = FILE_FORM.exec(text)?.[1];
  if (base64 === undefined)
    throw new StorageError("damaged", `the master key ${file} is damaged; restore it from a backup`);
  return createLocalMasterKey(decodeKey(base64, file));
}

/** Whole or not at all: written aside, fsynced, linked. What it wraps must not outlive it. */
async function createKeyFile(file: string): Promise<MasterKey> {
  const text = `runledger-master-key-v1+${randomBytes(MASTER_KEY_BYTES).toString("base64")}\n`;
  const temporary = `${file}.${createHash("sha256").update(text).digest("hex").slice(0, 12)}`;
  try {
    await makeDirectory(dirname(file), 0o700);
    const handle = await open(temporary, "wx", 0o600);
    await handle.writeFile(text);
    await handle.sync();
    await handle.close();
    await link(temporary, file).catch((error) => {
      if (error.code !== "EEXIST") throw error;
    });
    await unlink(temporary);
    await syncDirectory(dirname(file));
  } catch (cause) {
    failed(file, cause);
  }
  return (await readKeyFile(file)) ?? missing(file);
}

function decodeKey(base64: string, where: string): Uint8Array {
  const key = Buffer.from(base64, "base64");
  if (key.length === MASTER_KEY_BYTES && key.toString("base64") === base64) return key;
  throw new StorageError(
    "rejected",
    `${where}: a master key is ${MASTER_KEY_BYTES} random bytes as base64; make one with: openssl rand -base64 32`,
  );
}

function missing(where: string): never {
  throw new StorageError("rejected", `there is no master key in ${where}`);
}

function failed(file: string, cause: unknown): never {
  const why = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
  throw new StorageError("rejected", `the master key ${file} can't be read or written: ${why}`, cause);
}
