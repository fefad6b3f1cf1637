import { approvalRequest } from "@runledger/contract";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type ControlUnderTest, startControlUnderTest } from "../testing/control-under-test.ts";
import { STORES } from "../testing/store-under-test.ts";
import { startWebhookReceiver } from "../testing/webhook-receiver.ts";
import { APPROVAL_ARGUMENTS_PREFIX, type ApprovalState, withApproval } from "./approval-book.ts";

let one: ControlUnderTest;

const ID = "0123456789abcdef0123456789abcdef";
const request = (more: object = {}) => ({
  approval_id: ID,
  run_id: "r1",
  agent: "support",
  tool: "refund",
  arguments: '{"amount":500}',
  timeout_ms: 60_000,
  ...more,
});
const decide = (word: string, body: object = {}) => one.ask(0, "POST", `/v1/approvals/${ID}/${word}`, body);

describe.each(STORES)("in %s", (store) => {
  beforeEach(async () => {
    one = await startControlUnderTest({ apis: 2, store });
  });
  afterEach(() => one.close());

  test("an agent that asks again, after a restart, finds its request and its answer", async () => {
    const first = await one.ask(0, "POST", "/v1/approvals", request());
    expect(first.status).toBe(201);
    expect(first.body).toMatchObject({ status: "pending", by: null, tool: "refund" });
    const again = await one.ask(1, "POST", "/v1/approvals", request());
    expect(again).toEqual({ status: 200, body: first.body });
    await decide("approve", { reason: "the customer is right" });
    const after = await one.ask(1, "POST", "/v1/approvals", request());
    expect(after.body).toMatchObject({ status: "approved", by: "loopback", reason: "the customer is right" });
    expect((await one.ask(0, "POST", "/v1/approvals", request({ run_id: "r2" }))).status).toBe(409);
  });

  test("the agent that waits is told of the answer at once, and of nobody else's", async () => {
    await one.ask(0, "POST", "/v1/approvals", request());
    const asked = `/v1/control?approval=${ID}`;
    const { cursor } = (await one.ask(1, "GET", `${asked}&wait_ms=0`)).body;
    const other = (await one.ask(1, "GET", "/v1/control?wait_ms=0")).body.cursor;
    const waiting = one.ask(1, "GET", `${asked}&cursor=${cursor}&wait_ms=20000`);
    const bystander = one.ask(1, "GET", `/v1/control?cursor=${other}&wait_ms=1500`);
    await decide("deny", { reason: "too much" });
    expect((await waiting).body.approvals).toMatchObject([{ approval_id: ID, status: "denied", reason: "too much" }]);
    expect((await bystander).body.approvals).toEqual([]);
  });

  test("an answer is recorded before it is in force; one that can't be is none", async () => {
    await one.ask(0, "POST", "/v1/approvals", request());
    one.acts.refuse(true);
    expect((await decide("approve")).status).toBeGreaterThanOrEqual(500);
    expect((await one.ask(0, "GET", `/v1/approvals?status=pending`)).body.items).toHaveLength(1);
    one.acts.refuse(false);
    expect((await decide("approve")).status).toBe(200);
    expect(one.acts.recorded.at(-1)).toMatchObject({
      action: "approval.approve",
      target: { approval_id: ID, run_id: "r1" },
    });
  });

  test("an answer is final", async () => {
    await one.ask(0, "POST", "/v1/approvals", request());
    await decide("deny");
    const second = await decide("approve");
    expect(second.status).toBe(409);
    expect(second.body.error.message).toContain("denied");
  });

  test("no answer in time is a no, by our clock; who waits is told then", async () => {
    await one.ask(0, "POST", "/v1/approvals", request({ timeout_ms: 1_000 }));
    const { cursor } = (await one.ask(0, "GET", `/v1/control?approval=${ID}&wait_ms=0`)).body;
    const { body } = await one.ask(0, "GET", `/v1/control?approval=${ID}&cursor=${cursor}&wait_ms=20000`);
    expect(body.approvals).toMatchObject([{ status: "expired", by: null }]);
    expect((await decide("approve")).status).toBe(409);
    expect((await one.ask(0, "POST", "/v1/approvals", request())).body.status).toBe("expired");
  });

  test("arguments are shown to those who may see content, on record, and are bounded", async () => {
    await one.ask(0, "POST", "/v1/approvals", request({ arguments: "ä".repeat(10_000) }));
    const list = await one.ask(0, "GET", "/v1/approvals");
    expect(JSON.stringify(list.body)).not.toContain("ä");
    expect(one.acts.recorded).toEqual([]);
    const { body } = await one.ask(0, "GET", `/v1/approvals/${ID}`);
    expect(body).toMatchObject({ arguments_cut: true, arguments_withheld: false });
    expect(body.arguments).toBe("ä".repeat(8_192));
    expect(one.acts.recorded).toMatchObject([{ action: "content.read", target: { approval_id: ID } }]);
  });

  test("of those who ask at once, or for another run, only what the request names is kept", async () => {
    const paths = async () => {
      const found: string[] = [];
      for await (const { path } of one.objects.list(APPROVAL_ARGUMENTS_PREFIX)) found.push(path);
      return found;
    };
    const asking = [0, 1, 0, 1].map((api) => one.ask(api, "POST", "/v1/approvals", request()));
    expect((await Promise.all(asking)).map(({ status }) => status).sort()).toEqual([200, 200, 200, 201]);
    expect(await paths()).toHaveLength(1);
    const elsewhere = [0, 1].map((api) => one.ask(api, "POST", "/v1/approvals", request({ run_id: "r2" })));
    expect((await Promise.all(elsewhere)).map(({ status }) => status)).toEqual([409, 409]);
    expect(await paths()).toHaveLength(1);
    expect((await one.ask(0, "GET", `/v1/approvals/${ID}`)).body.arguments).toBe(request().arguments);
    const other = { approval_id: ID.replace("0", "f") };
    const racing = ["r3", "r4"].map((run_id, i) => one.ask(i, "POST", "/v1/approvals", request({ ...other, run_id })));
    expect((await Promise.all(racing)).map(({ status }) => status).sort()).toEqual([201, 409]);
    expect(await paths()).toHaveLength(2);
  });

  test("what is read and answered is on record with why, questions too; what can't be recorded shows none", async () => {
    const words = { question: "May I pay Ms Meyer?" };
    const asked = await one.ask(0, "POST", "/v1/approvals", request(words));
    const look = async (url: string, reason: string) => {
      const before = one.acts.recorded.length;
      const { status, body } = await one.ask(0, "GET", url, undefined, "default", reason);
      const acts = one.acts.recorded.slice(before).map(({ action, reason, target }) => ({ action, reason, target }));
      return { status, isShown: JSON.stringify(body).includes("Meyer"), acts };
    };
    const read = (reason: string, target: object) => ({ action: "content.read", reason, target });
    const facts = { approval_id: ID, run_id: "r1", tool: "refund" };
    const acts = [read("ticket 1", { part: "questions" })];
    expect(await look("/v1/approvals", "ticket 1")).toEqual({ status: 200, isShown: true, acts });
    expect((await look("/v1/approvals?status=pending", "ticket 1")).acts).toEqual([]);
    for (const url of ["/v1/approvals?status=denied", "/v1/approvals?questions=false"])
      expect(await look(url, "ticket 2")).toEqual({ status: 200, isShown: false, acts: [] });
    expect((await look(`/v1/approvals/${ID}`, "ticket 3")).acts).toEqual([read("ticket 3", facts)]);
    one.acts.refuse(true);
    expect(await look("/v1/approvals", "ticket 4")).toEqual({ status: 200, isShown: false, acts: [] });
    one.acts.refuse(false);
    // Who asks again hears what it said itself, which need not be what the first has asked.
    expect(asked.body.question).toBe(words.question);
    expect((await one.ask(0, "POST", "/v1/approvals", request())).body.question).toBeNull();
    const answer = await one.ask(0, "POST", `/v1/approvals/${ID}/deny`, undefined, "default", "ticket 5");
    expect(answer.body.reason).toBe("ticket 5");
    expect(one.acts.recorded.at(-1)).toMatchObject({ action: "approval.deny", reason: "ticket 5" });
  });

  test("a tenant sees and answers its own requests only", async () => {
    await one.ask(0, "POST", "/v1/approvals", request(), "acme");
    expect((await one.ask(0, "GET", "/v1/approvals")).body.items).toEqual([]);
    expect((await decide("approve")).status).toBe(404);
    expect((await one.ask(0, "GET", `/v1/approvals/${ID}`)).status).toBe(404);
    expect((await one.ask(0, "POST", "/v1/approvals", request())).status).toBe(201);
    expect((await one.ask(0, "GET", "/v1/approvals", undefined, "acme")).body.items).toHaveLength(1);
  });

  test("what was answered more than a week ago goes, also where nobody asks anew", async () => {
    await one.ask(0, "POST", "/v1/approvals", request({ timeout_ms: 1_000 }));
    one.clock.aheadMs = 7.5 * 24 * 3_600_000;
    await one.apps[0]?.listen({ port: 0 });
    const left = async () => (await one.ask(1, "GET", "/v1/approvals")).body.items;
    await vi.waitFor(async () => expect(await left()).toEqual([]), { timeout: 10_000 });
  });

  test("requests that can't be are refused", async () => {
    for (const more of [{ approval_id: "x" }, { timeout_ms: 0 }, { tool: "" }, { extra: 1 }]) {
      expect((await one.ask(0, "POST", "/v1/approvals", request(more))).status).toBe(400);
    }
    await vi.waitFor(async () => expect((await one.ask(0, "GET", "/v1/approvals")).body.items).toEqual([]));
  });

  test("a new request is told to the webhook once, signed and without its arguments, by one of two APIs", async () => {
    const webhook = await startWebhookReceiver(500);
    const two = await startControlUnderTest({
      apis: 2,
      store,
      settings: {
        alertWebhookUrl: webhook.url,
        alertWebhookSecret: "a secret of some length",
        alertWebhookBackoffMs: 50,
      },
    });
    for (const app of two.apps) await app.listen({ port: 0 });
    await two.ask(0, "POST", "/v1/approvals", request({ question: "May I?" }));
    await vi.waitFor(() => expect(webhook.requests.map(({ status }) => status)).toEqual([500, 204]), {
      timeout: 20_000,
    });
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    expect(webhook.requests).toHaveLength(2);
    expect(new Set(webhook.requests.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
    const body = webhook.requests[0]?.body ?? "";
    const data = { approval_id: ID, tool: "refund", question: "May I?" };
    expect(JSON.parse(body)).toMatchObject({ type: "approval.requested", data });
    expect(body).not.toContain("amount");
    expect(two.acts.recorded).toMatchObject([
      { action: "content.read", principal: { name: "webhook" }, target: { approval_id: ID, part: "questions" } },
    ]);
    await two.close();
    await webhook.close();
  });
});

test("one tenant's requests leave the others room, and their answers; what refuses tells nothing of others", () => {
  const NOW = Date.UTC(2026, 10, 30);
  const DAY_MS = 24 * 3_600_000;
  let asked = 0;
  const add = (state: ApprovalState, tenant: string, nowMs: number) => {
    const approval_id = (++asked).toString(16).padStart(32, "0");
    const request = approvalRequest.parse({ approval_id, run_id: "r", tool: "t", timeout_ms: 1_000 });
    const kept = { argumentsPath: null, argumentsKeyId: null, argumentsCut: false, announced: false };
    return withApproval(state, { tenant, request, ...kept, nowMs });
  };
  /** As if so many had asked then: by the code itself, each of them would look through all that are there. */
  const many = (count: number, tenant: string, nowMs: number) =>
    Array.from({ length: count }, () => add({ version: 0, approvals: [] }, tenant, nowMs).approval);
  const pending = { version: 0, approvals: many(1_000, "acme", NOW) };
  expect(() => add(pending, "acme", NOW)).toThrow("1000 requests wait for an answer, which is the limit of a tenant");
  expect(add(pending, "ours", NOW).approval).toMatchObject({ tenant: "ours", status: "pending" });
  const full = { version: 0, approvals: ["a", "b", "c", "d", "e"].flatMap((tenant) => many(1_000, tenant, NOW)) };
  expect(() => add(full, "ours", NOW)).toThrow(/^[^0-9]+$/);
  // Expired, one of ours the oldest: of each tenant the newest are kept, as many as all together may have.
  const decided = {
    version: 0,
    approvals: [...many(1, "ours", NOW - DAY_MS), ...full.approvals, ...many(100, "a", NOW)],
  };
  const { state, dropped } = add(decided, "ours", NOW + DAY_MS);
  const counts = Map.groupBy(state.approvals, ({ tenant }) => tenant);
  expect(["ours", "a", "b", "c", "d", "e"].map((tenant) => counts.get(tenant)?.length).sort()).toEqual([
    ...[1_000, 1_000, 1_000, 1_000, 2, 999],
  ]);
  expect(counts.get("ours")).toHaveLength(2);
  expect([state.approvals.length, dropped.length]).toEqual([5_001, 101]);
});
