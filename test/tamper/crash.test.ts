import { rm } from "node:fs/promises";
import { type LogVerification, readEntries, unverifiedCheckpoint } from "@runledger/contract";
import { type JournalCursor, type Objects, openOrCreateKeyring, StorageError } from "@runledger/storage";
import { expect, test } from "vitest";
import { createSampleStore, frameOf, openSampleSink, type SampleStore, SHARD } from "./sample-log.ts";
import { readFiles, verifyFiles } from "./stored-files.ts";

const WRITES = ["create", "replace", "compareAndSet", "delete"] as const;

/** Fails at its n-th write, before it is done or after, and at every one that follows: the process is gone. */
function crashing(
  store: SampleStore,
  crashAt: number,
  when: "before" | "after",
): { objects: Objects; cursor: JournalCursor; writes: () => number } {
  let writes = 0;
  const crashable =
    <Arguments extends unknown[], Result>(write: (...all: Arguments) => Promise<Result>) =>
    async (...all: Arguments): Promise<Result> => {
      const position = writes++;
      if (position < crashAt) return write(...all);
      if (position === crashAt && when === "after") await write(...all);
      throw new StorageError("unavailable", "crash");
    };
  const objects = { ...store.objects };
  for (const name of WRITES)
    Object.assign(objects, { [name]: crashable(store.objects[name] as (...all: unknown[]) => Promise<unknown>) });
  return { objects, cursor: { load: store.cursor.load, save: crashable(store.cursor.save) }, writes: () => writes };
}

/** With the keys at hand: a payload whose key a crash had lost would be INCOMPLETE. */
async function verifyOpened(store: SampleStore): Promise<LogVerification> {
  const keyring = await openOrCreateKeyring(store.objects, store.masterKey);
  const files = await readFiles(store.objects);
  const verification = await verifyFiles(files, [store.key.verifierKey], { findKey: keyring.reader() });
  expect(verification.sealedPayloads).toEqual({ unopened: 0, erased: 0, expired: 0, destructions: [] });
  return verification;
}

async function recordsOf(store: SampleStore): Promise<string[]> {
  const read = (path: string): Promise<Uint8Array | null> => store.objects.read(`log/${SHARD}/${path}`);
  const { size } = unverifiedCheckpoint((await read("checkpoint")) as Uint8Array);
  const steps: string[] = [];
  for await (const { entry } of readEntries(read, 0, size, size))
    steps.push(JSON.parse(Buffer.from(entry).toString()).step_id);
  return steps;
}

/** 250 records, then 4 and 6 over the edge of a tile: partial and full tiles, a second level, partials to remove. */
const FRAMES = [frameOf(1, 250), frameOf(2, 4), frameOf(3, 6)];
const EXPECTED = FRAMES.flatMap(({ records }) => records.map(({ facts }) => facts.step_id));

async function writeFirst(store: Parameters<typeof openSampleSink>[0]): Promise<void> {
  const { sink } = await openSampleSink(store);
  await sink.write(FRAMES.slice(0, 1));
}

/** The others in one batch. */
async function writeOthers(store: Parameters<typeof openSampleSink>[0]): Promise<void> {
  const { sink } = await openSampleSink(store);
  await sink.write(FRAMES.slice(1));
}

/** What is left, a frame at a time: who comes after a crash does not cut batches as they were cut before. */
async function writeRest(store: Parameters<typeof openSampleSink>[0]): Promise<void> {
  const { sink, nextSeq } = await openSampleSink(store);
  for (const frame of FRAMES) if (frame.seq >= nextSeq) await sink.write([frame]);
}

test.each(["before", "after"] as const)(
  "a crash %s any single write of a batch loses and doubles nothing",
  async (when) => {
    let positions = 0;
    for (let crashAt = 0; ; crashAt++) {
      const store = await createSampleStore();
      await writeFirst(store);
      const faulty = crashing(store, crashAt, when);
      await writeOthers({ ...store, ...faulty }).catch(() => undefined);
      const crashed = faulty.writes() > crashAt;
      await writeRest(store);
      const { verdict } = await verifyOpened(store);
      expect({ crashAt, verdict, records: await recordsOf(store) }).toEqual({
        crashAt,
        verdict: "VERIFIED",
        records: EXPECTED,
      });
      await rm(store.directory, { recursive: true });
      if (!crashed) break;
      positions++;
    }
    process.stdout.write(`crash ${when} a write: ${positions} of ${positions} recovered\n`);
    expect(positions).toBeGreaterThan(10);
  },
  300_000,
);

test.each(["before", "after"] as const)(
  "a write that fails once (%s it is done) and is tried again in the same process ends the same",
  async (when) => {
    let positions = 0;
    for (let failAt = 0; ; failAt++) {
      const store = await createSampleStore();
      await writeFirst(store);
      const objects = { ...store.objects };
      let writes = 0;
      for (const name of WRITES) {
        const write = store.objects[name] as (...all: unknown[]) => Promise<unknown>;
        Object.assign(objects, {
          [name]: async (...all: unknown[]) => {
            if (writes++ !== failAt) return write(...all);
            if (when === "after") await write(...all);
            throw new StorageError("unavailable", "lost");
          },
        });
      }
      const { sink } = await openSampleSink({ ...store, objects });
      const frames = FRAMES.slice(1);
      await sink.write(frames).catch(() => sink.write(frames));
      const { verdict } = await verifyOpened(store);
      expect({ failAt, verdict, records: await recordsOf(store) }).toEqual({
        failAt,
        verdict: "VERIFIED",
        records: EXPECTED,
      });
      await rm(store.directory, { recursive: true });
      if (writes <= failAt) break;
      positions++;
    }
    process.stdout.write(`write failed once (${when}): ${positions} of ${positions} repeated\n`);
    expect(positions).toBeGreaterThan(10);
  },
  300_000,
);
