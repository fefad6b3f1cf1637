import { resolve } from "node:path";
import { expect, test } from "vitest";
import { readSettings } from "./config.ts";

test.each([
  ["RUNLEDGER_API_KEY", "too-short"],
  ["RUNLEDGER_CLICKHOUSE_URL", "ftp://user:password@host/database"],
  ["RUNLEDGER_ALERT_WEBHOOK_URL", "https://user:password@hooks.example/services/token"],
  ["RUNLEDGER_ALERT_WEBHOOK_URL", "hooks.example/services/token"],
])("a wrong %s is named, and its value told to nobody", (name, value) => {
  expect(() => readSettings({ [name]: value })).toThrow(`${name}: `);
  try {
    readSettings({ [name]: value });
  } catch (error) {
    expect(String(error)).not.toContain(value);
  }
});

test("any other wrong setting is told with its value", () => {
  expect(() => readSettings({ RUNLEDGER_API_PORT: "70000" })).toThrow("RUNLEDGER_API_PORT=70000: ");
});

test("the master key is a file, a key in the settings, or a driver's module", () => {
  const masterKey = (RUNLEDGER_MASTER_KEY?: string) =>
    readSettings({ RUNLEDGER_DATA_DIR: "/data", ...(RUNLEDGER_MASTER_KEY && { RUNLEDGER_MASTER_KEY }) }).masterKey;
  expect([masterKey(), masterKey("file")]).toEqual(Array(2).fill({ file: "/data/keys/master.key" }));
  expect(masterKey("module:kms/driver.mjs")).toEqual({ module: resolve("kms/driver.mjs") });
  expect(masterKey("AAAA")).toEqual({ base64: "AAAA" });
});
