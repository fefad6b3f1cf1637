import { expect, it } from "vitest";
import { createParts } from "./parts.ts";

it("stops every part in the opposite order, also after one that can't be stopped", async () => {
  const told: string[] = [];
  const parts = createParts((what) => told.push(what));
  await parts.start(
    "a",
    async () => 1,
    () => void told.push("stop a"),
  );
  await parts.start(
    "b",
    async () => 2,
    () => Promise.reject(new Error("b hangs")),
  );
  await parts.start(
    "c",
    async () => 3,
    (part) => void told.push(`stop c${part}`),
  );
  await expect(parts.stop()).rejects.toThrow("b hangs");
  expect(told).toEqual(["a", "b", "c", "stop c3", "stop a"]);
  await parts.stop();
});
