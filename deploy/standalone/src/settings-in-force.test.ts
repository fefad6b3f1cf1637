import { expect, test } from "vitest";
import { readSettings } from "./config.ts";
import { settingsInForce } from "./settings-in-force.ts";

const SECRET = "a secret that nobody may read";

test("what bears on evidence is told, of keys and places only whether there are any", () => {
  const env = {
    RUNLEDGER_DATA_DIR: "/data",
    RUNLEDGER_OBJECTS: "s3://bucket?endpoint=https%3A%2F%2Fuser%3Asecret%40host&lock=compliance&retention=500d",
    RUNLEDGER_API_KEY: SECRET,
    RUNLEDGER_MASTER_KEY: SECRET,
    RUNLEDGER_CLICKHOUSE_URL: "http://user:secret@host:8123/database",
    RUNLEDGER_TSA_URL: "https://user:secret@host/tsr",
    RUNLEDGER_CONTENT_RETENTION_DAYS: "30",
    RUNLEDGER_ENCRYPTION: "off",
    RUNLEDGER_ACK: "object",
    RUNLEDGER_REQUIRE_REASON: "on",
  };
  const inForce = settingsInForce(readSettings(env));
  expect(inForce).toEqual({
    ack: "object",
    encryption: false,
    retention_days_of_rows: 400,
    retention_days_of_contents: 30,
    object_lock: "compliance",
    object_lock_days: 500,
    price_table: expect.stringMatching(/^@pydantic\/genai-prices \d+\.\d+/),
    price_overrides: null,
    installation_key: true,
    tls: false,
    client_certificates: false,
    witnesses: null,
    time_stamps: true,
    require_reason: true,
  });
  expect(JSON.stringify(inForce)).not.toContain("secret");
});
