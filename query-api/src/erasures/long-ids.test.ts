import { rowName } from "@runledger/contract";
import { type QueryParameters, type Rows, StorageError } from "@runledger/storage";
import { expect, test } from "vitest";
import { holdAmong } from "../holds/hold-on.ts";
import { startApiUnderTest } from "../testing/api-under-test.ts";
import { createErasureStore } from "./erasure-store.ts";

const LONG = "u".repeat(1_100);

/** ClickHouse, which has the person's run under the id as rows have it. */
const rows: Rows = {
  insert: async () => undefined,
  query: async <Row>(sql: string, parameters?: QueryParameters) => {
    if (sql.includes("AS named"))
      return (parameters?.["user_id"] === rowName(LONG) ? [{ run_id: "r1", named: 1 }] : []) as Row[];
    return (sql.includes("agent_name") ? [{ agent_name: "", session_id: "", user_id: rowName(LONG) }] : []) as Row[];
  },
  command: async () => undefined,
  ping: async () => undefined,
  close: async () => undefined,
};

test("a person whose id is longer than a row's can be erased by it, and not by what is shown of it", async () => {
  const record = async () => {
    throw new StorageError("unavailable", "no collector");
  };
  const api = await startApiUnderTest({}, { rows, acts: { record } });
  try {
    const ask = async (user_id: string) =>
      await api.app.inject({
        ...{ method: "POST", url: "/v1/erasures" },
        payload: { subject: { user_id }, reason: "asked" },
      });
    expect((await ask(rowName(LONG))).json()).toMatchObject({ error: { code: "conflict" } });
    expect((await ask(LONG)).statusCode).toBe(202);
    expect(await createErasureStore(api.objects).underWay()).toMatchObject([{ user_id: LONG, run_ids: ["r1"] }]);
    const scope = { user_id: LONG };
    const hold = await api.app.inject({ method: "POST", url: "/v1/holds", payload: { scope, reason: "court" } });
    expect(hold.statusCode).not.toBe(400);
  } finally {
    await api.close();
  }
});

test("a hold keeps a person by an id that is longer than a row's, and by what is shown of it", async () => {
  const keyring = { pseudonymOf: (subject: string) => `of ${subject}` };
  const hold = { hold_id: "h", reason: "court", by: "b", set_time: "", tenant: "t" };
  const heldBy = async (user_id: string, subject: object) =>
    await holdAmong(
      [{ ...hold, scope: { user_id } }],
      { rows, keyring },
      { tenant: "t", userId: null, runIds: [], ...subject },
    );
  for (const id of [LONG, rowName(LONG)]) {
    expect(await heldBy(id, { userId: LONG })).not.toBeNull();
    expect(await heldBy(id, { runIds: ["r1"] })).not.toBeNull();
  }
  expect(await heldBy(`${LONG}u`, { userId: LONG, runIds: ["r1"] })).toBeNull();
});
