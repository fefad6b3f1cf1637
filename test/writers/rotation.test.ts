import { randomBytes } from "node:crypto";
import { KEY_CHANGES_PATH, userSubject } from "@runledger/contract";
import {
  type KeyWriter,
  monthPrefix,
  type Objects,
  openKeyring,
  openOrCreateKeyring,
  rotateMasterKey,
  StorageError,
} from "@runledger/storage";
import { expect, test } from "vitest";
import { createMemoryObjects, type MemoryObjects } from "./memory-objects.ts";
import { CALLS, type Choose, createScheduler, everyOrder, type Scheduler, seeded } from "./scheduler.ts";

/** Rings are of a month: in the later one a writer's first is new, and in no rotation's list that was made before. */
const [BEFORE, MONTH] = ["2026-10-30T00:00:00.000000000Z", "2026-11-30T00:00:00.000000000Z"].map(monthPrefix) as [
  string,
  string,
];
const ACT = { time_ms: 1, by: "root", reason: null };
const SALT = new Uint8Array(16);
const NAMES = ["alice", "bob", "carol", "dora"];
const RANDOM_ORDERS = 150;
const newMaster = () => ({ base64: randomBytes(32).toString("base64") });
type Master = ReturnType<typeof newMaster>;

/** What a writer was given before it was told to stop: contents may be sealed under it. */
interface Given {
  name: string;
  month: string;
  keyId: string;
  dek: Uint8Array;
}

interface Race {
  store: MemoryObjects;
  given: Given[];
  /** Writers that were told to stop. */
  stopped: number;
}

async function ask(writer: KeyWriter, race: Race, names: readonly string[], month = MONTH): Promise<void> {
  const keys = await writer.keysFor(names.map((name) => ({ subject: userSubject("t", name), month })));
  for (const [at, { keyId, dek }] of keys.entries()) race.given.push({ name: names[at] ?? "", month, keyId, dek });
}

/** Asks until it is told to stop. */
async function write(open: () => Promise<KeyWriter>, race: Race, asked: readonly (readonly string[])[]): Promise<void> {
  try {
    const writer = await open();
    for (const names of asked) await ask(writer, race, names);
  } catch (error) {
    expect(error).toMatchObject({ code: "rejected", message: expect.stringContaining("new") });
    race.stopped++;
  }
}

/** Afterwards: all that was given opens by the new master key alone, and is what its subject gets; and nobody is left without a key. */
async function expectNothingLost({ store, given }: Race, master: Master): Promise<void> {
  const keyring = await openKeyring(store, master);
  const writer = keyring?.writer();
  for (const { name, month, keyId, dek } of given) {
    const now = await writer?.keysFor([{ subject: userSubject("t", name), month }]);
    expect(now).toEqual([{ keyId, dek: Buffer.from(dek) }]);
    expect(await keyring?.reader()({ key_id: keyId }, SALT)).not.toBeNull();
  }
  const others = [...NAMES, "nobody yet"].map((name) => ({ subject: userSubject("t", name), month: MONTH }));
  expect(await writer?.keysFor(others)).toHaveLength(others.length);
}

async function storeWithKeys(old: Master, month: string): Promise<Race> {
  const race: Race = { store: createMemoryObjects(), given: [], stopped: 0 };
  await ask((await openOrCreateKeyring(race.store, old)).writer(), race, ["alice"], month);
  return race;
}

/** Opened at once; what it does afterwards waits for its turns. */
async function openedBefore({ store }: Race, scheduled: Objects, master: Master): Promise<KeyWriter> {
  const seen: Objects = { ...store };
  const writer = (await openOrCreateKeyring(seen, master)).writer();
  Object.assign(seen, scheduled);
  return writer;
}

/** Each write and list waits for its turn, and of reads those that `isTurn` says. */
function scheduledObjects(
  scheduler: Scheduler,
  actor: number,
  store: Objects,
  isTurn = (_path: string) => true,
): Objects {
  const scheduled = scheduler.objects(actor, store, CALLS);
  return {
    ...scheduled,
    read: (path) => (isTurn(path) ? scheduled : store).read(path),
    readVersioned: (path) => (isTurn(path) ? scheduled : store).readVersioned(path),
    list: async function* (prefix) {
      await scheduled.read("a turn");
      yield* store.list(prefix);
    },
  };
}

test.each([BEFORE, MONTH])(
  "with keys of month %s: a writer that was opened before a rotation, in every order of their writes and looks: nothing is sealed under a key that is thrown away",
  async (month) => {
    let stopped = 0;
    const runs = await everyOrder(async (choose) => {
      const [old, next] = [newMaster(), newMaster()];
      const race = await storeWithKeys(old, month);
      const scheduler = createScheduler();
      const seenBy = (actor: number) =>
        scheduledObjects(scheduler, actor, race.store, (path) => path === KEY_CHANGES_PATH);
      const writer = await openedBefore(race, seenBy(1), old);
      const ends = [rotateMasterKey(seenBy(0), old, next, ACT), write(async () => writer, race, [["bob"]])];
      await scheduler.run(choose);
      await Promise.all(ends);
      stopped += race.stopped;
      await expectNothingLost(race, next);
    });
    process.stdout.write(`a rotation and a writer: ${runs} orders, the writer was stopped in ${stopped}\n`);
    expect(stopped).toBeGreaterThan(runs / 10);
    expect(stopped).toBeLessThan(runs);
  },
  300_000,
);

test("a key that another writer made too late is given by nobody who has only read it", async () => {
  const [old, next] = [newMaster(), newMaster()];
  const race = await storeWithKeys(old, BEFORE);
  const { store } = race;
  const lateWrite: Objects["compareAndSet"] = async (...write) => {
    await rotateMasterKey(store, old, next, ACT);
    return await store.compareAndSet(...write);
  };
  const late = await openedBefore(race, { ...store, compareAndSet: lateWrite }, old);
  const list: Objects["list"] = async function* (prefix) {
    await write(async () => late, race, [["bob"]]);
    yield* store.list(prefix);
  };
  const reading = await openedBefore(race, { ...store, list }, old);
  await write(async () => reading, race, [["bob"]]);
  expect(race.stopped).toBe(2);
  await expectNothingLost(race, next);
});

test("rotations that crash and are run again, or go to another key, and writers opened before and during them, in random orders", async () => {
  const counts = { runs: 0, stopped: 0, given: 0, crashed: 0 };
  for (let seed = 1; seed <= RANDOM_ORDERS; seed++) {
    const random = seeded(seed);
    const choose: Choose = (waiting) => Math.floor(random() * waiting);
    const [old, next, other] = [newMaster(), newMaster(), newMaster()];
    const race = await storeWithKeys(old, random() < 0.5 ? BEFORE : MONTH);
    const scheduler = createScheduler();
    const seenBy = (actor: number) => scheduledObjects(scheduler, actor, race.store);
    const rotation = seenBy(0);
    const crashing = crashAt(rotation, Math.floor(random() * 20), random() < 0.5);
    const target = random() < 0.7 ? next : other;
    const rotations = async () => {
      await rotateMasterKey(crashing, old, next, ACT).catch((error) => {
        expect(error).toMatchObject({ message: "crash" });
        counts.crashed++;
      });
      const root = (master: Master) => openKeyring(race.store, master).catch(() => null);
      return (await root(old)) === null ? next : await rotateMasterKey(rotation, old, target, ACT).then(() => target);
    };
    const names = () => NAMES.filter(() => random() < 0.5);
    const early = await Promise.all([1, 2].map((actor) => openedBefore(race, seenBy(actor), old)));
    const late = async () => (await openOrCreateKeyring(await later(seenBy(3), random), old)).writer();
    const writers = [...early.map((writer) => async () => writer), late].map((open) =>
      write(open, race, [names(), names(), names()]),
    );
    const rotated = rotations();
    await scheduler.run(choose);
    await Promise.all(writers);
    await expectNothingLost(race, await rotated).catch((error: unknown) => {
      throw new Error(`seed ${seed}`, { cause: error });
    });
    counts.runs++;
    counts.stopped += race.stopped;
    counts.given += race.given.length;
  }
  process.stdout.write(`rotations and writers: ${JSON.stringify(counts)}\n`);
  expect(counts.crashed).toBeGreaterThan(counts.runs / 4);
  expect(counts.stopped).toBeGreaterThan(counts.runs / 4);
}, 300_000);

/** Its n-th write fails, done or not, and so does every one that follows. */
function crashAt(objects: Objects, crash: number, isDone: boolean): Objects {
  let at = 0;
  const all = { ...objects };
  for (const name of CALLS) {
    const call = objects[name] as (...all: unknown[]) => Promise<unknown>;
    Object.assign(all, {
      [name]: async (...given: unknown[]) => {
        const position = at++;
        if (position < crash) return await call(...given);
        if (position === crash && isDone) await call(...given);
        throw new StorageError("unavailable", "crash");
      },
    });
  }
  return all;
}

/** After some turns. */
async function later(objects: Objects, random: () => number): Promise<Objects> {
  for (let turns = Math.floor(random() * 12); turns > 0; turns--) await objects.read("a turn");
  return objects;
}
