import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KEY_CHANGES_PATH, KEY_ROOT_PATH, keyRingPath, userSubject } from "@runledger/contract";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { StorageError } from "../error.ts";
import type { Objects } from "../objects/objects.ts";
import { openObjects } from "../objects/open-objects.ts";
import { listRings, monthEndMs, monthPrefix } from "./key-ring.ts";
import { openKeyring, openOrCreateKeyring } from "./keyring.ts";
import { readMasterKeys } from "./master-key-source.ts";
import { rotateMasterKey } from "./rotate-master.ts";
import { createRotationNotes } from "./rotation-notes.ts";

const MONTH = monthPrefix("2026-11-29T00:00:00.000000000Z");
const of = (name: string, month = MONTH) => ({ subject: userSubject("t", name), month });
const ACT = { time_ms: 1, by: "root (system user)", reason: "yearly" };
const WRITES = ["compareAndSet", "delete", "create", "replace"] as const;

let directory: string;
let objects: Objects;
let source: { file: string };

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "runledger-keys-"));
  objects = await openObjects(`file:${directory}/objects`);
  source = { file: join(directory, "keys", "master.key") };
});
afterEach(() => rm(directory, { recursive: true }));

/** Its n-th write fails, before it is done or after, and so does every write that follows. */
function crashing(crashAt: number, when: "before" | "after"): { objects: Objects; writes: () => number } {
  let writes = 0;
  const faulty = { ...objects };
  for (const name of WRITES) {
    const write = objects[name] as (...all: unknown[]) => Promise<unknown>;
    Object.assign(faulty, {
      [name]: async (...all: unknown[]) => {
        const position = writes++;
        if (position < crashAt) return write(...all);
        if (position === crashAt && when === "after") await write(...all);
        throw new StorageError("unavailable", "crash");
      },
    });
  }
  return { objects: faulty, writes: () => writes };
}

async function dekOf(keyId: string, ring = openKeyring(objects, source)): Promise<string | null> {
  const ref = { sha256: "", size_bytes: 0, media_type: "", pack: "", offset: 0, commitment: "", key_id: keyId };
  const key = (await (await ring)?.reader()(ref, new Uint8Array(16))) ?? null;
  return key && Buffer.from(key).toString("hex");
}

async function keysFor(names: string[], month = MONTH): Promise<string[]> {
  const ring = await openOrCreateKeyring(objects, source);
  return (await ring.writer().keysFor(names.map((name) => of(name, month)))).map(({ keyId }) => keyId);
}

test("a subject has the same key after a restart, another one in another month, and none of its name is stored", async () => {
  const [first] = await keysFor(["alice", "bob"]);
  expect(await keysFor(["bob", "alice"])).toContain(first);
  const [later] = await keysFor(["alice"], monthPrefix("2026-12-01T00:00:00.000000000Z"));
  expect(later).not.toBe(first);
  expect(later?.slice(0, 3)).toBe("2ab");
  for await (const { path } of objects.list("keys/"))
    expect(Buffer.from((await objects.read(path)) ?? []).toString()).not.toContain("alice");
  expect(((await stat(source.file)).mode & 0o777).toString(8)).toBe("600");
});

test("the end of a key's month is told by its id", () => {
  expect(new Date(monthEndMs(monthPrefix("2026-12-31T23:59:59.999999999Z"))).toISOString()).toBe(
    "2027-01-01T00:00:00.000Z",
  );
});

test("more subjects than fit a ring get keys in many, all found again", async () => {
  const names = Array.from({ length: 600 }, (_, i) => `user ${i}`);
  const ids = await keysFor(names);
  expect(new Set(ids).size).toBe(600);
  expect(new Set(ids.map((id) => id.slice(0, 8))).size).toBe(3);
  expect(await keysFor(names)).toEqual(ids);
});

test("two writers at once agree on the key of each subject", async () => {
  const ring = await openOrCreateKeyring(objects, source);
  const writers = [ring.writer(), ring.writer(), (await openOrCreateKeyring(objects, source)).writer()];
  const rounds = Array.from({ length: 8 }, (_, i) => i);
  const given = await Promise.all(
    writers.map(async (writer) => {
      const ids: string[] = [];
      for (const i of rounds) ids.push(...(await writer.keysFor([of(`a${i}`), of(`b${i}`)])).map((key) => key.keyId));
      return ids;
    }),
  );
  expect(given[1]).toEqual(given[0]);
  expect(given[2]).toEqual(given[0]);
});

test.each(["before", "after"] as const)(
  "a crash %s any write while keys are made loses none that was given",
  async (when) => {
    await keysFor(["old"]);
    for (let crashAt = 0; ; crashAt++) {
      const faulty = crashing(crashAt, when);
      const names = [`x${crashAt}${when}`, "old"];
      const writer = (await openOrCreateKeyring(faulty.objects, source)).writer();
      const given = await writer.keysFor(names.map((name) => of(name))).catch(() => null);
      const after = await keysFor(names);
      if (given !== null) expect(given.map(({ keyId }) => keyId)).toEqual(after);
      for (const id of after) expect(await dekOf(id)).not.toBeNull();
      if (faulty.writes() <= crashAt) break;
    }
  },
);

test("a destroyed key is gone, its subject gets another, and a writer that remembers it notices", async () => {
  const ring = await openOrCreateKeyring(objects, source);
  const writer = ring.writer();
  const [alice, bob] = await writer.keysFor([of("alice"), of("bob")]);
  const [found] = await ring.keysOf(new Set([ring.pseudonymOf(userSubject("t", "alice"))]));
  expect(found?.keyId).toBe(alice?.keyId);
  await ring.destroy([alice?.keyId ?? ""]);
  expect(await dekOf(alice?.keyId ?? "")).toBeNull();
  const [again, same] = await writer.keysFor([of("alice"), of("bob")]);
  expect(again?.keyId).not.toBe(alice?.keyId);
  expect(same?.keyId).toBe(bob?.keyId);
  expect(await ring.keysOf(new Set([ring.pseudonymOf(userSubject("u", "alice"))]))).toEqual([]);
});

test.each(["before", "after"] as const)(
  "a crash %s any write of a destruction: nothing is sealed under that key, and finishing destroys it",
  async (when) => {
    for (let crashAt = 0; ; crashAt++) {
      const [id = "", other = ""] = await keysFor([`y${crashAt}${when}`, "other"]);
      const faulty = crashing(crashAt, when);
      await (await openOrCreateKeyring(faulty.objects, source)).destroy([id]).catch(() => undefined);
      const crashed = faulty.writes() > crashAt;
      // The first write says that it is dying; only before that it may be used still.
      const [given] = await keysFor([`y${crashAt}${when}`]);
      if (crashAt > 0 || when === "after") expect(given).not.toBe(id);
      const ring = await openOrCreateKeyring(objects, source);
      await (crashAt === 0 ? ring.destroy([id]) : ring.finishDestruction());
      expect(await dekOf(id)).toBeNull();
      expect(await dekOf(other)).not.toBeNull();
      if (!crashed) break;
    }
  },
);

test("a month is destroyed but for those who are kept; then whole, and its rings go", async () => {
  const ring = await openOrCreateKeyring(objects, source);
  const [alice = "", bob = ""] = await keysFor(["alice", "bob"]);
  const [next = ""] = await keysFor(["alice"], monthPrefix("2026-12-01T00:00:00.000000000Z"));
  expect(await ring.destroyMonth(MONTH, new Set([ring.pseudonymOf(userSubject("t", "bob"))]))).toBe(1);
  expect([await dekOf(alice), await dekOf(bob)].map((dek) => dek !== null)).toEqual([false, true]);
  expect(await ring.destroyMonth(MONTH, new Set())).toBe(1);
  await ring.removeEmptyRings(MONTH);
  expect([...(await ring.months()).keys()]).toEqual(["2ab"]);
  expect(await dekOf(next)).not.toBeNull();
});

test.each(["before", "after"] as const)(
  "a rotation that crashes %s any write keeps every key, and ends when it is run again",
  async (when) => {
    const names = Array.from({ length: 300 }, (_, i) => `user ${i}`);
    const ids = await keysFor(names);
    const deks = await Promise.all(ids.slice(0, 3).map((id) => dekOf(id)));
    let master = await readFile(source.file, "utf8");
    for (let crashAt = 0; ; crashAt++) {
      const faulty = crashing(crashAt, when);
      await rotateMasterKey(faulty.objects, source, null, ACT).catch(() => undefined);
      expect(await Promise.all(ids.slice(0, 3).map((id) => dekOf(id)))).toEqual(deks);
      expect(await keysFor(names.slice(0, 1))).toEqual(ids.slice(0, 1));
      const crashed = faulty.writes() > crashAt;
      if (crashed) await rotateMasterKey(objects, source, null, ACT);
      const noted = (await createRotationNotes(objects).read()).map(({ rotation_id }) => rotation_id);
      expect(new Set(noted).size).toBe(noted.length);
      expect(noted.length).toBeGreaterThan(crashAt);
      expect((await createRotationNotes(objects).read()).at(-1)).toMatchObject({
        ...ACT,
        master_id: (await readMasterKeys(source))[0]?.id,
      });
      const now = await readFile(source.file, "utf8");
      expect(now).not.toBe(master);
      expect(await dekOf(ids[299] ?? "")).not.toBeNull();
      master = now;
      if (!crashed) break;
    }
  },
);

test("a rotation makes no month larger, a ring of an older version included: who counts its age takes that for a new key", async () => {
  await keysFor(["alice", "bob"]);
  const [ring] = await listRings(objects);
  const stored = await objects.readVersioned(keyRingPath(ring ?? ""));
  const older = Buffer.from(
    Buffer.from(stored?.bytes ?? [])
      .toString()
      .trimEnd(),
  );
  expect(older.length).toBeLessThan(stored?.bytes.length ?? 0);
  await objects.compareAndSet(keyRingPath(ring ?? ""), older, stored?.version ?? null);
  await rotateMasterKey(objects, source, null, ACT);
  const months = await (await openKeyring(objects, source))?.months();
  expect(months?.get(MONTH)).toBe(older.length);
});

test("the old master key opens nothing after a rotation, and another one nothing at all", async () => {
  const [id = ""] = await keysFor(["alice"]);
  const old = await readFile(source.file, "utf8");
  const base64 = Buffer.alloc(32, 7).toString("base64");
  await rotateMasterKey(objects, source, { base64 }, ACT);
  expect(await dekOf(id, openKeyring(objects, { base64 }))).not.toBeNull();
  await writeFile(join(directory, "old.key"), old);
  const refused = { code: "rejected", message: expect.stringContaining("wrapped by the master key") };
  await expect(openKeyring(objects, { file: join(directory, "old.key") })).rejects.toMatchObject(refused);
  await expect(openOrCreateKeyring(objects, source)).rejects.toMatchObject(refused);
  await expect(openKeyring(objects, { base64: "c2hvcnQ=" })).rejects.toThrow(/openssl rand/);
});

test("a rotation to the key in use is refused and not noted; one that was done already is not noted again", async () => {
  const of32 = (byte: number) => ({ base64: Buffer.alloc(32, byte).toString("base64") });
  const [used, next] = [of32(3), of32(7)];
  await (await openOrCreateKeyring(objects, used)).writer().keysFor([of("alice", MONTH)]);
  const notes = async () => (await createRotationNotes(objects).read()).length;
  const inUse = { code: "rejected", message: expect.stringContaining("is the one in use") };
  await expect(rotateMasterKey(objects, used, used, ACT)).rejects.toMatchObject(inUse);
  expect(await notes()).toBe(0);
  expect(await rotateMasterKey(objects, used, next, ACT)).toMatchObject({ keys: 1, wasDone: false });
  expect(await rotateMasterKey(objects, used, next, ACT)).toMatchObject({ keys: 1, wasDone: true });
  expect(await notes()).toBe(1);
});

test("a lost root is not replaced while there are keys that need it", async () => {
  await keysFor(["alice"]);
  await objects.delete(KEY_ROOT_PATH);
  await expect(openOrCreateKeyring(objects, source)).rejects.toThrow(/root\.json is gone/);
});

test.each(["not JSON", "{}"])("an object of keys that holds %j instead is named", async (text) => {
  const [alice = ""] = await keysFor(["alice"]);
  for (const path of [`keys/rings/${alice.slice(0, 8)}.json`, KEY_CHANGES_PATH, KEY_ROOT_PATH]) {
    await objects.replace(path, Buffer.from(text));
    await expect(keysFor(["bob"]), path).rejects.toMatchObject({
      ...{ code: "damaged", retryable: false },
      message: expect.stringContaining(`${path} is damaged`),
    });
  }
});

test("a wrapped key that was moved to another subject or id does not open", async () => {
  const [alice = "", bob = ""] = await keysFor(["alice", "bob"]);
  const path = `keys/rings/${alice.slice(0, 8)}.json`;
  const found = await objects.readVersioned(path);
  const text = Buffer.from(found?.bytes ?? []).toString();
  const swapped = text.replaceAll(alice, "x").replaceAll(bob, alice).replaceAll("x", bob);
  await objects.compareAndSet(path, Buffer.from(swapped), found?.version ?? null);
  await expect(dekOf(alice)).rejects.toMatchObject({ code: "damaged" });
});

test("whatever is asked for in whatever order, across restarts and destructions, the last key of a subject is kept", async () => {
  const step = fc.record({
    names: fc.array(fc.nat({ max: 5 }), { minLength: 1, maxLength: 4 }),
    kind: fc.constantFrom("ask", "ask", "restart", "destroy"),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      const dir = await mkdtemp(join(tmpdir(), "runledger-keys-"));
      const store = await openObjects(`file:${dir}/objects`);
      const master = { file: join(dir, "master.key") };
      let ring = await openOrCreateKeyring(store, master);
      let writer = ring.writer();
      const expected = new Map<number, string>();
      for (const { names, kind } of steps) {
        if (kind === "restart") {
          ring = await openOrCreateKeyring(store, master);
          writer = ring.writer();
        }
        if (kind === "destroy") {
          await ring.destroy(names.flatMap((name) => expected.get(name) ?? []));
          for (const name of names) expected.delete(name);
          continue;
        }
        const keys = await writer.keysFor(names.map((name) => of(String(name))));
        for (const [i, name] of names.entries()) {
          expect(keys[i]?.keyId).toBe(expected.get(name) ?? keys[i]?.keyId);
          expected.set(name, keys[i]?.keyId ?? "");
        }
      }
      await rm(dir, { recursive: true });
    }),
    { numRuns: 25 },
  );
});
