import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Objects, openObjects } from "@runledger/storage";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createErasureStore } from "./erasure-store.ts";
import type { KeptErasure } from "./kept-erasure.ts";

let dir: string;
let objects: Objects;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "runledger-erasures-"));
  objects = await openObjects(`file:${dir}`);
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const keyOf = (number: number): string =>
  `2aa${(number >> 8).toString(16).padStart(5, "0")}${(number & 0xff).toString(16).padStart(24, "0")}`;

/** The number-th erasure of a year, of three keys. */
function erasureOf(number: number, more: Partial<KeptErasure> = {}): KeptErasure {
  const requested_time = new Date(Date.UTC(2026, 0, 1) + number * 3_600_000).toISOString();
  return {
    erasure_id: `e-${number}`,
    tenant: "default",
    subject: { kind: "user", pseudonym: "0".repeat(32) },
    user_id: `person-${number}`,
    run_ids: [`run-${number}`],
    rows_settled: false,
    clear_records: 0,
    state: "done",
    by: "dpo",
    actor: { key_id: null, roles: ["admin"] },
    reason: "asked",
    requested_time,
    done_time: requested_time,
    log_sizes: {},
    key_ids: [0, 1, 2].map((key) => keyOf(number * 3 + key)),
    log_indexes: [number],
    received_until: requested_time,
    ...more,
  };
}

const files = async (): Promise<string[]> =>
  (await readdir(dir, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
const openBytes = async (): Promise<number> => (await objects.read("state/erasures.json"))?.length ?? 0;

test("what is done leaves the document, is found by its keys, and pages newest first, of one tenant", async () => {
  const store = createErasureStore(objects);
  for (let number = 0; number < 40; number++) await store.finish(await store.add(erasureOf(number * 24)));
  await store.finish(erasureOf(1_000, { tenant: "other" }));
  await store.add(erasureOf(2_000, { state: "destroying" }));
  expect((await store.underWay()).map(({ erasure_id }) => erasure_id)).toEqual(["e-2000"]);
  expect((await store.ofKey(keyOf(25 * 24 * 3 + 2)))?.erasure_id).toBe("e-600");
  expect((await store.ofKey(keyOf(2_000 * 3)))?.erasure_id).toBe("e-2000");
  expect(await store.ofKey(keyOf(99_999))).toBeNull();
  const seen: string[] = [];
  for (let place: string | null = null; ; ) {
    const page = await store.newest("default", 7, place);
    seen.push(...page.map(({ erasure }) => erasure.erasure_id));
    place = page.at(-1)?.place ?? null;
    if (place === null) break;
  }
  expect(seen).toEqual(Array.from({ length: 40 }, (_, i) => `e-${(39 - i) * 24}`));
});

test("a person's id is kept until late rows can't come any more, and then nowhere", async () => {
  const store = createErasureStore(objects);
  await store.finish(erasureOf(1));
  const [settling] = await store.settling();
  expect(settling?.user_id).toBe("person-1");
  await store.settle(settling as KeptErasure);
  expect(await store.settling()).toEqual([]);
  for (const path of await files()) expect(await readFile(path, "utf8")).not.toContain("person-1");
  expect((await store.ofKey(keyOf(3)))?.erasure_id).toBe("e-1");
});

test("a document of an older version, with 2,000 that are done, is put where it belongs, once", async () => {
  const old = Array.from({ length: 2_000 }, (_, number) =>
    erasureOf(number, number < 1_990 ? { rows_settled: true, user_id: null, run_ids: [] } : {}),
  );
  const underWay = erasureOf(5_000, { state: "recording", key_ids: [] });
  await objects.replace("state/erasures.json", Buffer.from(JSON.stringify({ erasures: [...old, underWay] })));
  const before = await openBytes();
  const store = createErasureStore(objects);
  // Before it is tidied up, too.
  expect((await store.ofKey(keyOf(9)))?.erasure_id).toBe("e-3");
  await store.tidy();
  await store.tidy();
  expect((await store.ofKey(keyOf(9)))?.erasure_id).toBe("e-3");
  expect(await store.settling()).toHaveLength(10);
  expect((await store.underWay()).map(({ erasure_id }) => erasure_id)).toEqual(["e-5000"]);
  expect(await store.newest("default", 5_000, null)).toHaveLength(2_000);
  process.stdout.write(`state/erasures.json: ${before} bytes before, ${await openBytes()} after\n`);
  expect(await openBytes()).toBeLessThan(2_000);
});

test("a crash at any write of the move loses none and shows none twice", async () => {
  for (let crashAt = 0; ; crashAt++) {
    const number = crashAt + 1;
    let writes = 0;
    const crash = async () => {
      if (writes++ >= crashAt) throw new Error("crash");
    };
    const faulty: Objects = {
      ...objects,
      replace: (...all) => crash().then(() => objects.replace(...all)),
      compareAndSet: (...all) => crash().then(() => objects.compareAndSet(...all)),
    };
    await createErasureStore(objects).add(erasureOf(number, { state: "destroying" }));
    const hasEnded = await createErasureStore(faulty)
      .finish(erasureOf(number))
      .then(() => true)
      .catch(() => false);
    const store = createErasureStore(objects);
    expect((await store.ofKey(keyOf(number * 3)))?.erasure_id).toBe(`e-${number}`);
    for (const one of await store.underWay()) await store.finish({ ...one, state: "done" });
    const all = (await store.newest("default", 100, null)).map(({ erasure }) => erasure.erasure_id);
    expect(all.filter((id) => id === `e-${number}`)).toHaveLength(1);
    if (hasEnded) break;
  }
});

test("two processes that finish theirs at the same time both find them afterwards, in one ring of keys", async () => {
  const stores = [createErasureStore(objects), createErasureStore(objects)];
  await Promise.all(stores.flatMap((store, i) => [2, 4].map((n) => store.finish(erasureOf(n + i)))));
  const found = await Promise.all([2, 3, 4, 5].map((n) => stores[0]?.ofKey(keyOf(n * 3))));
  expect(found.map((one) => one?.erasure_id)).toEqual(["e-2", "e-3", "e-4", "e-5"]);
});

test("one tenant's erasures under way leave the others room", async () => {
  const erasures = Array.from({ length: 1_000 }, (_, i) => erasureOf(i, { tenant: "acme", state: "destroying" }));
  await objects.replace("state/erasures.json", Buffer.from(JSON.stringify({ erasures })));
  const store = createErasureStore(objects);
  const save = (tenant: string) => store.add(erasureOf(2_000, { tenant, state: "destroying" }));
  await expect(save("acme")).rejects.toThrow("1000 erasures are under way, which is the limit of a tenant");
  expect(await save("ours")).toMatchObject({ tenant: "ours" });
});

test("who stood still while another process went on begins no erasure again, nor sets one back", async () => {
  const store = createErasureStore(objects);
  const begun = await store.add(erasureOf(1, { state: "recording" }));
  const further = await store.save({ ...begun, state: "destroying" });
  await expect(store.save(begun)).rejects.toThrow("another query API is further");
  expect(await store.add(begun)).toBe(begun);
  expect(await store.underWay()).toEqual([further]);
  await store.finish({ ...further, state: "done" });
  for (const late of [begun, further]) await expect(store.save(late)).rejects.toThrow("is further with erasure e-1");
  expect(await store.underWay()).toEqual([]);
});
