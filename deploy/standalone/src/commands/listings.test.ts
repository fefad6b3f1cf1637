import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { stripVTControlCharacters } from "node:util";
import type { Run } from "@runledger/contract";
import { visibleText } from "@runledger/verify";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createProgram } from "../program.ts";
import { tools, usd } from "../run-words.ts";

/** What agents and people call themselves to have lines, and rows of tables, of their own. */
const NAME = "x\n│ completed │ forged\r\u001b[2K\u2028y";
const TIME = "2026-11-30T00:00:00.000000000Z";
const ID = "0".repeat(32);
const RUN = {
  ...{ run_id: NAME, status: "failed", outcome: NAME, reason: NAME, error: null, dialect: NAME },
  ...{ agent: { name: NAME, version: NAME }, task_id: NAME, task_type: NAME, session_id: NAME, user_id: NAME },
  ...{ start_time: TIME, end_time: null, duration_ms: 1, last_seen_time: TIME, steps: 1, llm_calls: 1 },
  ...{
    tool_call_count: 1,
    tool_errors: 0,
    tool_outcome_missing: 0,
    guardrail_rejections: 0,
    input_tokens: 1_200,
    output_tokens: null,
  },
  ...{ cache_read_tokens: null, cache_write_tokens: null, reasoning_tokens: null, usage_missing: 0 },
  ...{ input_missing: 1, output_missing: 2, cost_usd: "0.5" },
  ...{ cost_missing: 2, price_table: null, price_version: null, models: [], tools: [] },
  ...{ complete: null, records: 1, records_expected: null, conflicts: 0 },
};
const HOLD = { hold_id: "h", scope: { agent: NAME }, reason: NAME, by: NAME, set_time: TIME };
const KILL = { kill_id: "k", scope: { session: NAME }, reason: NAME, by: NAME, time: TIME };
const APPROVAL = {
  ...{ approval_id: ID, run_id: NAME, agent: NAME, task_type: NAME, tool: NAME, call_id: NAME, question: NAME },
  ...{ status: "denied", requested_time: TIME, expires_time: TIME, decided_time: TIME, by: NAME, reason: NAME },
};
const KEY = {
  ...{ key_id: "rlk", name: NAME, roles: ["admin"], tenant: "*", status: "active", created_time: TIME },
  ...{ created_by: NAME, expires_time: null, rotated_time: null, old_secret_until: null, revoked_time: null },
  last_used_time: null,
};
const ACT = {
  ...{ action: NAME, actor: { key_id: null, name: NAME, roles: [] }, reason: NAME, target: { tool: NAME } },
  ...{ time: TIME, record_id: ID, shard: NAME, log_index: 1 },
};
const ANSWERS: Record<string, object> = {
  "GET /v1/runs": { items: [RUN], next_cursor: null },
  "GET /v1/holds": { items: [HOLD] },
  "POST /v1/holds": { ...HOLD, too_late_for: [] },
  "DELETE /v1/holds/h": HOLD,
  "GET /v1/approvals": { items: [APPROVAL] },
  [`GET /v1/approvals/${ID}`]: { ...APPROVAL, arguments: NAME, arguments_cut: false, arguments_withheld: false },
  [`POST /v1/approvals/${ID}/deny`]: APPROVAL,
  "GET /v1/kill": { items: [KILL] },
  "POST /v1/kill": KILL,
  "DELETE /v1/kill/k": KILL,
  "GET /v1/keys": { items: [KEY] },
  "DELETE /v1/keys/rlk": KEY,
  "POST /v1/keys/rlk/rotate": { key: KEY, secret: "s" },
  "GET /v1/acts": { items: [ACT], next_cursor: null },
};
const REFUSED = { error: { code: "conflict", message: NAME, hint: NAME, details: [] } };

const server = createServer((request, response) => {
  const path = request.url?.replace(/\?.*/, "") ?? "";
  if (path === "/v1/live") return void response.end(`event: run\ndata: ${JSON.stringify(RUN)}\n\n`);
  const answer = ANSWERS[`${request.method} ${path}`];
  response.writeHead(answer === undefined ? 409 : 200).end(JSON.stringify(answer ?? REFUSED));
});
let api: string;
beforeAll(async () => {
  await once(server.listen(0, "127.0.0.1"), "listening");
  api = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => void server.close());

class Exit extends Error {}

async function run(...args: string[]): Promise<string> {
  const written: string[] = [];
  const stream = { write: (chunk: unknown) => written.push(String(chunk)) > 0, once: () => undefined };
  const exit = (): never => {
    throw new Exit();
  };
  const console = { ...process, env: {}, stdout: stream, stderr: stream, exit } as unknown as NodeJS.Process;
  await createProgram(console)
    .parseAsync([...args, "--api", api], { from: "user" })
    .catch((error) => {
      if (!(error instanceof Exit)) throw error;
    });
  return written.join("");
}

test.each([
  [["runs"], 5],
  [["tail"], 1],
  [["holds"], 1],
  [["hold", "--all", "--reason", "r"], 1],
  [["lift", "h", "--reason", "r"], 1],
  [["approvals"], 6],
  [["approvals", ID], 7],
  [["deny", ID], 1],
  [["kill", "--list"], 5],
  [["kill", "--all", "--reason", "r"], 2],
  [["kill", "--lift", "k"], 1],
  [["keys", "list"], 5],
  [["keys", "revoke", "rlk"], 1],
  [["keys", "rotate", "rlk"], 2],
  [["acts"], 5],
  [["erase", "--user", "u", "--reason", "r"], 2],
])("%j shows a name with line ends on one line: %i in all", async (args, lines) => {
  const text = await run(...args);
  expect(stripVTControlCharacters(text).trimEnd().split("\n").length, text).toBe(lines);
  expect(text).toContain(visibleText(NAME));
  expect(text).not.toMatch(/[\r\u2028]/);
});

test("as JSON it is what it is", async () => {
  expect(JSON.parse(await run("holds", "--json"))).toEqual([HOLD]);
});

test.each([["runs"], ["tail"]])(
  "%s says of a sum without some calls that it is at least so much, and of none that it is unknown",
  async (name) => {
    const text = await run(name);
    expect(text).toContain("1,200+? / —");
    expect(text).toContain("$0.5000+?");
  },
);

test("of tool calls without a result nobody is told that they went well", () => {
  const said = (tool_errors: number, tool_outcome_missing: number) =>
    stripVTControlCharacters(tools({ ...(RUN as Run), tool_call_count: 3, tool_errors, tool_outcome_missing }));
  expect([said(0, 0), said(1, 0), said(1, 2)]).toEqual(["3", "3 (1 failed)", "3 (1 failed) (2 without a result)"]);
});

test("a cost is a dash where none is known, and never zero where it is more", () => {
  const said = (cost_usd: string | null) => usd({ ...(RUN as Run), cost_usd, cost_missing: 0 });
  expect([null, "0", "0.00002", "0.0001"].map(said)).toEqual(["—", "$0.0000", "<$0.0001", "$0.0001"]);
});
