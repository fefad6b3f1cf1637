import { expect } from "vitest";
import { frameOf, openSampleSink, type SampleStore } from "./sample-log.ts";
import { readFiles, type StoredFiles, verifyFiles, withChanges } from "./stored-files.ts";

/** Two batches, three entries: small enough to try every byte. `early` is the checkpoint after the first. */
export async function writeSmallLog(store: SampleStore): Promise<{ small: StoredFiles; early: Uint8Array }> {
  const { sink } = await openSampleSink(store);
  await sink.write([frameOf(1, 2)]);
  const early = await store.objects.read("log/s0/checkpoint");
  if (early === null) throw new Error("no checkpoint was written");
  await sink.write([frameOf(2, 1)]);
  return { small: await readFiles(store.objects), early };
}

/** Verifies each changed copy and counts those that are found out. */
export async function expectAllFound(
  what: string,
  changed: Iterable<[string, StoredFiles]>,
  keys: string[],
): Promise<void> {
  const missed: string[] = [];
  let total = 0;
  for (const [name, files] of changed) {
    total++;
    if ((await verifyFiles(files, keys)).verdict === "VERIFIED") missed.push(name);
  }
  process.stdout.write(`${what}: ${total - missed.length} of ${total} found\n`);
  expect(missed).toEqual([]);
  expect(total).toBeGreaterThan(0);
}

/** A copy for every n-th byte of each file, and for the last, with that byte changed. */
export function* changedBytes(files: StoredFiles, everyNth: number): Generator<[string, StoredFiles]> {
  for (const [path, bytes] of files) {
    for (let at = 0; at < bytes.length; at++)
      if (at % everyNth === 0 || at === bytes.length - 1)
        yield [`${path} byte ${at}`, withChanges(files, { [path]: flipped(bytes, at) })];
  }
}

export function flipped(bytes: Uint8Array, at: number, bit = at % 8): Uint8Array {
  const changed = Uint8Array.from(bytes);
  changed[at] = (changed[at] as number) ^ (1 << bit);
  return changed;
}
