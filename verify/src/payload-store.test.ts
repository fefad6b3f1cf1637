import { expect, test } from "vitest";
import { createPayloadStore } from "./payload-store.ts";

test("contents are read again as they were, from memory and from the file, in any order and while others come", async () => {
  const store = createPayloadStore(1_000);
  const contentOf = (i: number): Buffer => Buffer.alloc((i * 7_919) % 90_000, `${i} `);
  for (let i = 0; i < 60; i++) {
    await store.add(`content ${i}`, contentOf(i));
    await store.add(`content ${i}`, Buffer.from("another"));
    const at = (i * 31) % (i + 1);
    expect((await store.read(`content ${at}`))?.equals(contentOf(at)), `content ${at} after ${i}`).toBe(true);
  }
  for (let i = 59; i >= 0; i--) expect((await store.read(`content ${i}`))?.equals(contentOf(i))).toBe(true);
  expect(await store.read("content 60")).toBeNull();
  expect([store.has("content 0"), store.has("content 60")]).toEqual([true, false]);
  await store.close();
});
