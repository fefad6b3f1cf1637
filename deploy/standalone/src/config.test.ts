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
