import { expect, test } from "vitest";
import { createByteBudget } from "./byte-budget.ts";

const MIB = 1024 * 1024;

/** What a tenant gets of 256 MiB when it asks for one MiB after the other, in MiB. */
function takeAll(budget: ReturnType<typeof createByteBudget>, tenant: string): number {
  const reservation = budget.reserve(tenant);
  for (let mib = 1; ; mib += 1) {
    try {
      reservation.resize(mib * MIB);
    } catch (error) {
      expect(error).toMatchObject({ code: "overloaded" });
      return mib - 1;
    }
  }
}

test("a tenant gets as much as it leaves free, so that however many take all they get, the next one gets in", () => {
  const budget = createByteBudget(256 * MIB);
  expect(["a", "b", "c", "d"].map((tenant) => takeAll(budget, tenant))).toEqual([128, 64, 32, 16]);
  for (let count = 0; count < 100; count += 1) budget.reserve(`small ${count}`);
  expect(budget.usedBytes()).toBeLessThan(256 * MIB);
});

test("requests without a body count, too, so that no tenant has any number of them", () => {
  const budget = createByteBudget(MIB);
  const held = Array.from({ length: 32 }, () => budget.reserve("a"));
  expect(() => budget.reserve("a")).toThrow("share");
  held[0]?.release();
  budget.reserve("a");
});

test("what is given back is there for the same and for others", () => {
  const budget = createByteBudget(4 * MIB);
  const first = budget.reserve("a");
  first.resize(2 * MIB);
  expect(() => first.resize(2 * MIB + 1)).toThrow("share");
  first.resize(MIB);
  const second = budget.reserve("a");
  second.resize(MIB);
  for (const reservation of [first, second, second]) reservation.release();
  expect(budget.usedBytes()).toBe(0);
  second.resize(MIB);
  expect(budget.usedBytes()).toBe(0);
});

test("who goes away while there is work gives nothing back before its end, and all of it then", async () => {
  const budget = createByteBudget(4 * MIB);
  const reservation = budget.reserve("a");
  await expect(
    reservation.during(async () => {
      reservation.release();
      reservation.resize(2 * MIB);
      expect(budget.usedBytes()).toBe(2 * MIB);
      throw new Error("refused");
    }),
  ).rejects.toThrow("refused");
  expect(budget.usedBytes()).toBe(0);
});
