import type { RunledgerRecord } from "@runledger/contract";
import type { QueryParameters, Rows } from "@runledger/storage";
import { expect, test } from "vitest";
import { createErasedRows } from "./erased-rows.ts";

const at = (time: string) => `2026-11-29T${time}.000000000Z`;

/** A record of alice's run. */
const hers = (received_time: string) => ({ act: null, tenant: "t", run: { user_id: "alice" }, received_time });
const erasure = (received_time: string) => ({
  ...{ tenant: "t", run: { user_id: null }, received_time },
  act: {
    action: "erasure",
    target: { erasure_id: "e", subject: { kind: "user", pseudonym: "0123456789abcdef" }, key_ids: [] },
  },
});

/** Until when received rows are asked for, by what was told of two logs. */
async function untilOf(...told: [shard: string, record: object][]): Promise<unknown> {
  const asked: QueryParameters[] = [];
  const rows = {
    query: async (_sql: string, parameters: QueryParameters) => {
      asked.push(parameters);
      return [];
    },
  } as unknown as Rows;
  const erased = createErasedRows(rows, { pseudonymOf: () => "0123456789abcdef" } as never);
  for (const [shard, record] of told) erased.note(shard, record as RunledgerRecord);
  await erased.erase();
  expect(asked).toMatchObject([{ user_id: "alice", label: "erased:0123456789ab" }]);
  return asked[0]?.["until"];
}

test("what stands before an act in its log was received before it, though the clock was set back; what comes after it was not", async () => {
  expect(await untilOf(["0", hers(at("12:00:20"))], ["0", erasure(at("12:00:00"))], ["0", hers(at("12:00:30"))])).toBe(
    at("12:00:20"),
  );
  expect(await untilOf(["1", hers(at("12:00:20"))], ["0", erasure(at("12:00:00"))])).toBe(at("12:00:00"));
  expect(await untilOf(["0", hers(at("18:00:00"))], ["0", erasure(at("12:00:00"))])).toBe(at("12:00:00"));
});
