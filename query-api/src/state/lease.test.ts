import type { Objects } from "@runledger/storage";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { STORES, type StoreUnderTest, startStore } from "../testing/store-under-test.ts";
import { createLease, whoRenews } from "./lease.ts";

let store: StoreUnderTest;
/** One for each process. */
let views: Objects[];
const times = new Map<string, number>();
afterEach(() => store.close());

function lease(holder: string) {
  const view = views.shift();
  if (view === undefined) throw new Error("too few views");
  return createLease(view, "state/lease.json", { holder, now: () => times.get(holder) ?? 0 });
}
function pass(ms: number, ...holders: string[]): void {
  for (const holder of holders) times.set(holder, (times.get(holder) ?? 0) + ms);
}

describe.each(STORES)("in %s", (kind) => {
  beforeEach(async () => {
    store = await startStore(kind);
    views = await Promise.all(Array.from({ length: 9 }, () => store.open()));
    times.clear();
  });

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

  test("who watches from outside sees its holder, or the next one, and nobody where it is not renewed", async () => {
    const [a, b, seen] = [lease("a"), lease("b"), views.shift()];
    const watch = (meanwhile: () => Promise<unknown>) =>
      seen && whoRenews(seen, "state/lease.json", async () => await meanwhile());
    expect(await watch(async () => undefined)).toBeNull();
    await a.hold();
    expect(await watch(async () => undefined)).toBeNull();
    pass(2_500, "a");
    expect(await watch(() => a.hold())).toBe("a");
    await a.release();
    expect(await watch(() => b.hold())).toBe("b");
  });
});
