import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Objects, openObjects } from "@runledger/storage";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createLease } from "./lease.ts";

let dir: string;
let objects: Objects;
const times = new Map<string, number>();
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "runledger-lease-"));
  objects = await openObjects(`file:${dir}`);
  times.clear();
});
afterEach(() => rm(dir, { recursive: true, force: true }));

function lease(holder: string) {
  return createLease(objects, "state/lease.json", { holder, now: () => times.get(holder) ?? 0 });
}
function pass(ms: number, ...holders: string[]): void {
  for (const holder of holders) times.set(holder, (times.get(holder) ?? 0) + ms);
}

test("of many that ask at once, one has it", async () => {
  const all = Array.from({ length: 8 }, (_, i) => lease(`holder ${i}`));
  const held = await Promise.all(all.map((one) => one.hold()));
  expect(held.filter(Boolean)).toHaveLength(1);
});

test("whoever renews it keeps it, however long the others wait", async () => {
  const [a, b] = [lease("a"), lease("b")];
  expect(await a.hold()).toBe(true);
  for (let i = 0; i < 20; i++) {
    pass(2_500, "a", "b");
    expect(await a.hold()).toBe(true);
    expect(await b.hold()).toBe(false);
  }
});

test("a holder that is gone is followed, though the clocks differ by years", async () => {
  const [a, b] = [lease("a"), lease("b")];
  times.set("b", 1e12);
  expect(await a.hold()).toBe(true);
  expect(await b.hold()).toBe(false);
  pass(5_900, "b");
  expect(await b.hold()).toBe(false);
  pass(200, "b");
  expect(await b.hold()).toBe(true);
  pass(10_000, "a");
  expect(await a.hold()).toBe(false);
});

test("given back, it is the next one's at once; a restart under the same name goes on at once", async () => {
  const [a, b] = [lease("a"), lease("b")];
  expect(await a.hold()).toBe(true);
  await a.release();
  expect(await b.hold()).toBe(true);
  expect(await lease("b").hold()).toBe(true);
});
