import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { SDK_VERSION } from "./version.ts";

test("the version told to the collector is the package's", () => {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  expect(JSON.parse(text).version).toBe(SDK_VERSION);
});
