import { rm } from "node:fs/promises";
import { expect, test } from "vitest";
import { changedBytes, expectAllFound, writeSmallLog } from "./changed-copies.ts";
import { createSampleStore } from "./sample-log.ts";

test("every single changed byte of a log is found", async () => {
  const store = await createSampleStore();
  const { small } = await writeSmallLog(store);
  await expectAllFound("flipped bytes", changedBytes(small, 1), [store.key.verifierKey]);
  await rm(store.directory, { recursive: true });
  expect(small.size).toBeGreaterThan(5);
});
