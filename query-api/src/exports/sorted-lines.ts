import { rm } from "node:fs/promises";
import { join } from "node:path";
import { keyedLine, mergedLines, withoutKey } from "./merged-lines.ts";
import { createPartFile } from "./part-file.ts";

/** Texts in the order of their keys, of equal keys in which they were added: of any number, in bounded memory. */
export interface SortedLines {
  /** Key and text as `keyedLine` takes them. */
  add(key: string, text: string): Promise<void>;
  /** Once, after the last was added. */
  all(): AsyncGenerator<string>;
}

export interface SortingLimits {
  /** Of what is sorted in memory; beyond, it goes to a file. */
  maxHeldChars: number;
  /** So many files become one. */
  maxFiles: number;
}

const LIMITS: SortingLimits = { maxHeldChars: 32 * 1024 * 1024, maxFiles: 64 };

/** @param directory for files while it sorts, as much as was added. The caller removes it. */
export function createSortedLines(directory: string, { maxHeldChars, maxFiles } = LIMITS): SortedLines {
  let held: { key: string; text: string }[] = [];
  let heldChars = 0;
  /** Files by how often what is in them was merged; those before hold what was added before. */
  const levels: string[][] = [];
  let made = 0;

  const sortHeld = (): typeof held => {
    const sorted = held.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
    held = [];
    heldChars = 0;
    return sorted;
  };
  const keep = async (lines: Iterable<string> | AsyncIterable<string>, level: number): Promise<void> => {
    const file = createPartFile(join(directory, `sorted-${made++}`));
    for await (const line of lines) await file.write(line);
    await file.close();
    const files = [...(levels[level] ?? []), file.path];
    levels[level] = files.length < maxFiles ? files : [];
    if (files.length < maxFiles) return;
    await keep(withNewlines(mergedLines(files)), level + 1);
    for (const path of files) await rm(path);
  };
  return {
    async add(key, text) {
      held.push({ key, text });
      heldChars += key.length + text.length;
      if (heldChars > maxHeldChars) await keep(keyedLines(sortHeld()), 0);
    },
    async *all() {
      const last = sortHeld();
      if (made === 0) {
        for (const { text } of last) yield text;
        return;
      }
      await keep(keyedLines(last), 0);
      for await (const line of mergedLines(levels.toReversed().flat())) yield withoutKey(line);
    },
  };
}

function* keyedLines(lines: readonly { key: string; text: string }[]): Generator<string> {
  for (const { key, text } of lines) yield keyedLine(key, text);
}

async function* withNewlines(lines: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const line of lines) yield `${line}\n`;
}
