import { type Rows, StorageError } from "@runledger/storage";
import { expect, test } from "vitest";
import type { Act } from "../acts/act-recorder.ts";
import { startApiUnderTest } from "../testing/api-under-test.ts";
import { createErasureStore } from "./erasure-store.ts";
import type { KeptErasure } from "./kept-erasure.ts";

const rows: Rows = {
  insert: async () => undefined,
  query: async () => [],
  command: async () => undefined,
  ping: async () => undefined,
  close: async () => undefined,
};

const erasureOf = (run_id: string): KeptErasure => ({
  erasure_id: `of-${run_id}`,
  tenant: "t",
  subject: { kind: "run", run_id },
  user_id: null,
  run_ids: [run_id],
  rows_settled: false,
  clear_records: 0,
  state: "recording",
  by: "dpo",
  actor: { key_id: null, roles: ["admin"] },
  reason: "asked for",
  requested_time: "2026-11-29T12:00:00.000Z",
  done_time: null,
  log_sizes: {},
  key_ids: [],
  log_indexes: [],
  received_until: "2026-11-29T12:00:00.000Z",
});

test("erasures that wait do not wait for one another", async () => {
  const waiting: unknown[] = [];
  const seen = Promise.withResolvers<void>();
  const record = async ({ target }: Act): Promise<void> => {
    waiting.push(target["erasure_id"]);
    await seen.promise;
    throw new StorageError("unavailable", "no collector");
  };
  const api = await startApiUnderTest({}, { rows, acts: { record } });
  const store = createErasureStore(api.objects);
  for (const run of ["a", "b"]) await store.add(erasureOf(run));
  try {
    await api.app.listen({ port: 0 });
    await expect.poll(() => waiting.toSorted()).toEqual(["of-a", "of-b"]);
  } finally {
    seen.resolve();
    await api.close();
  }
});

test("an erasure that is asked for while ClickHouse is being rebuilt is refused: nobody's run might be a person's", async () => {
  const query = async <Row>(sql: string) => (sql.startsWith("EXISTS TABLE") ? [{ result: 1 }] : []) as Row[];
  const api = await startApiUnderTest({}, { rows: { ...rows, query } });
  try {
    const payload = { subject: { run_id: "r1" }, reason: "asked" };
    const answer = await api.app.inject({ method: "POST", url: "/v1/erasures", payload });
    expect(answer.statusCode).toBe(503);
    expect(answer.json()).toMatchObject({ error: { code: "unavailable", hint: expect.stringContaining("rebuild") } });
    expect(await createErasureStore(api.objects).underWay()).toEqual([]);
  } finally {
    await api.close();
  }
});
