import type { ActFacts, ActList } from "@runledger/contract";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ApiUnderTest, startApiUnderTest } from "../testing/api-under-test.ts";
import { publishSmallLog, recordOf } from "../testing/small-log.ts";
import { stepRow } from "../testing/step-rows.ts";

let api: ApiUnderTest;

const at = (second: number) => `2026-01-02T03:04:${String(second).padStart(2, "0")}.000000000Z`;
function act(second: number, action: string, name: string, tenant = "default") {
  const facts: ActFacts = {
    action,
    actor: { key_id: `key-of-${name}`, name, roles: ["operator"] },
    reason: `reason ${second}`,
    target: { n: second },
  };
  const row = stepRow("", `act ${second}`, { tenant, record_id: String(second).padStart(64, "0") });
  return recordOf(row, { event: "act", act: facts, received_time: at(second), tenant });
}

beforeAll(async () => {
  api = await startApiUnderTest();
  const records = [
    act(1, "kill", "ann"),
    recordOf(stepRow("run", "no act"), {}),
    act(3, "approval.approve", "bob"),
    act(4, "approval.deny", "ann"),
    act(5, "kill", "eve", "acme"),
  ];
  const entries = await publishSmallLog(api.objects, records);
  await api.rows.insert("log_entries", entries, "log");
  // As after a crash: again, under another token.
  await api.rows.insert("log_entries", entries, "log again");
});
afterAll(() => api.close());

async function list(query: string): Promise<ActList> {
  const { status, body } = await api.get(`/v1/acts${query}`);
  expect(status, JSON.stringify(body)).toBe(200);
  return body as ActList;
}
const seconds = async (query: string) => (await list(query)).items.map(({ target }) => target["n"]);

test("acts are told once, the newest first, in their tenant, with who, why, what and where in the log", async () => {
  const { items, next_cursor } = await list("");
  expect(next_cursor).toBeNull();
  expect(items.map(({ target }) => target["n"])).toEqual([4, 3, 1]);
  expect(items[0]).toEqual({
    action: "approval.deny",
    actor: { key_id: "key-of-ann", name: "ann", roles: ["operator"] },
    reason: "reason 4",
    target: { n: 4 },
    time: at(4),
    record_id: "4".padStart(64, "0"),
    shard: "0",
    log_index: 3,
  });
});

test.each([
  ["?action=kill", [1]],
  ["?action=approval.*", [4, 3]],
  ["?actor=ann", [4, 1]],
  ["?actor=key-of-bob", [3]],
  [`?since=${at(3)}`, [4, 3]],
  [`?until=${at(3)}`, [1]],
  ["?action=erasure", []],
])("%s", async (query, expected) => {
  expect(await seconds(query)).toEqual(expected);
});

test("page after page is the whole list", async () => {
  const found: unknown[] = [];
  let cursor = "";
  do {
    const page = await list(`?limit=1${cursor}`);
    found.push(...page.items.map(({ target }) => target["n"]));
    cursor = page.next_cursor === null ? "" : `&cursor=${page.next_cursor}`;
  } while (cursor !== "");
  expect(found).toEqual([4, 3, 1]);
});

test("a wrong question is told what is wrong with it", async () => {
  const { status, body } = await api.get("/v1/acts?since=yesterday");
  expect(status).toBe(400);
  expect(JSON.stringify(body)).toContain("since");
});
