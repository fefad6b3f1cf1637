import { open, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { makeDirectory, syncDirectory } from "../durable/directory-sync.ts";
import { fileError, nullWhenAbsent } from "../durable/file-error.ts";
import { StorageError } from "../error.ts";
import type { JournalCursor } from "./journal.ts";
import { listSegments } from "./segment.ts";

const CURSORS = "cursors";
const NAME = /^[a-z][a-z0-9-]{0,62}$/;

/** The cursor `name` of the journal in `dir`. One that was never saved stands at the first frame there is. One process uses a name at a time. */
export function openJournalCursor(dir: string, name: string): JournalCursor {
  if (!NAME.test(name)) throw new StorageError("rejected", `not a cursor name: ${name}`);
  const path = join(dir, CURSORS, name);
  let saved: number | null = null;

  async function load(): Promise<number> {
    saved = (await readCursor(path)) ?? (await listSegments(dir))[0]?.firstSeq ?? 1;
    return saved;
  }

  return {
    load,
    async save(nextSeq) {
      saved ??= await load();
      if (nextSeq < saved)
        throw new StorageError("rejected", `cursor ${path} stands at ${saved} and can't go back to ${nextSeq}`);
      await writeCursor(path, nextSeq);
      saved = nextSeq;
    },
  };
}

/** Sets a cursor, back too: for a follower whose store is emptied and refilled, while it does not run. */
export async function resetJournalCursor(dir: string, name: string, nextSeq: number): Promise<void> {
  await writeCursor(join(dir, CURSORS, name), nextSeq);
}

/** From then on the journal keeps nothing for it. Durable when it resolves. */
export async function removeJournalCursor(dir: string, name: string): Promise<void> {
  if (!(await journalCursorIsSaved(dir, name))) return;
  await rm(join(dir, CURSORS, name), { force: true });
  await syncDirectory(join(dir, CURSORS));
}

export async function journalCursorIsSaved(dir: string, name: string): Promise<boolean> {
  return (await readCursor(join(dir, CURSORS, name))) !== null;
}

/** All cursors that were ever saved, by name. */
export async function readCursors(dir: string): Promise<Map<string, number>> {
  const names = (await readdir(join(dir, CURSORS)).catch(nullWhenAbsent(join(dir, CURSORS)))) ?? [];
  const cursors = new Map<string, number>();
  for (const name of names.filter((candidate) => NAME.test(candidate))) {
    const seq = await readCursor(join(dir, CURSORS, name));
    if (seq !== null) cursors.set(name, seq);
  }
  return cursors;
}

/** @throws StorageError `damaged` when a follower has seen more frames than the journal ever held: its end was lost. */
export function checkCursors(dir: string, cursors: Map<string, number>, lastSeq: number): void {
  for (const [name, nextSeq] of cursors) {
    if (nextSeq <= lastSeq + 1) continue;
    throw new StorageError(
      "damaged",
      `the journal in ${dir} ends with frame ${lastSeq}, but its follower ${name} has finished frame ${nextSeq - 1}: acknowledged frames are lost. ` +
        "Restore the directory from a copy, or move it aside to start with an empty journal.",
    );
  }
}

async function readCursor(path: string): Promise<number | null> {
  const text = await readFile(path, "utf8").catch(nullWhenAbsent(path));
  if (text === null) return null;
  const match = /^(\d{1,16})\n$/.exec(text);
  if (match === null)
    throw new StorageError("damaged", `the journal's cursor ${path} holds no number; restore it from a copy`);
  return Number(match[1]);
}

/** A crash before the rename leaves the old value: its frames come once more. So does a disk without room, until there is some. */
async function writeCursor(path: string, nextSeq: number): Promise<void> {
  const dir = join(path, "..");
  try {
    await makeDirectory(dir);
    const handle = await open(`${path}.new`, "w");
    try {
      await handle.writeFile(`${nextSeq}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(`${path}.new`, path);
    await syncDirectory(dir);
  } catch (cause) {
    throw fileError(path, cause);
  }
}
