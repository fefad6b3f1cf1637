import { randomBytes } from "node:crypto";
import { link, open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { makeDirectory, syncDirectory } from "../durable/directory-sync.ts";
import { nullWhenAbsent } from "../durable/file-error.ts";
import { StorageError } from "../error.ts";

const FILE = "id";

/**
 * The journal's name, 32 hex digits, made once and kept beside its segments: positions mean something only together with it. A journal made anew
 * counts from 1 again, under another name. @throws StorageError `damaged` when the file holds something else.
 */
export async function journalIdentity(dir: string): Promise<string> {
  const path = join(dir, FILE);
  const read = () => readFile(path, "utf8").catch(nullWhenAbsent(path));
  const text = (await read()) ?? (await create(dir, path, read));
  if (text === null || !/^[0-9a-f]{32}\n$/.test(text)) {
    throw new StorageError(
      "damaged",
      `${path} is not a journal's name; restore it, or remove the whole journal and rebuild`,
    );
  }
  return text.trim();
}

/** Whole or not at all; of two makers the first wins. */
async function create(dir: string, path: string, read: () => Promise<string | null>): Promise<string | null> {
  await makeDirectory(dir);
  const id = randomBytes(16).toString("hex");
  const temporary = join(dir, `${FILE}.${id}`);
  const handle = await open(temporary, "wx");
  await handle.writeFile(`${id}\n`);
  await handle.sync();
  await handle.close();
  await link(temporary, path).catch((error: unknown) => {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  });
  await rm(temporary);
  await syncDirectory(dir);
  return read();
}
