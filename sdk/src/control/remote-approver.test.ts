import { afterEach, beforeEach, expect, test } from "vitest";
import type { Settings } from "../config.ts";
import { type ControlServer, startControlServer } from "../testing/control-server.ts";
import { sendJson } from "../testing/model-server.ts";
import { createRecordedLedger, type RecordedLedger } from "../testing/recorded-ledger.ts";

let control: ControlServer;
const ledgers: RecordedLedger[] = [];
let refunds: number[];

beforeEach(async () => {
  control = await startControlServer();
  refunds = [];
});
afterEach(async () => {
  await Promise.all(ledgers.splice(0).map(({ ledger }) => ledger.shutdown()));
  await control.close();
});

function controlled(settings: Settings = {}): RecordedLedger {
  const made = createRecordedLedger({ control: "on", controlUrl: control.url, ...settings });
  ledgers.push(made);
  return made;
}
function refunding(of: RecordedLedger, more: object = {}) {
  const refund = of.ledger.tool({
    name: "refund",
    input: { type: "object" },
    sideEffect: "irreversible",
    run: () => refunds.push(refunds.length),
    ...more,
  });
  return of.ledger.wrap(async (callId: string) => await refund({ amount: 5 }, { callId }), { agent: "support" });
}
const asked = () => control.requests.filter(({ body }) => body !== "").map(({ body }) => JSON.parse(body));
const decide = (status: "approved" | "denied" | "expired", reason: string | null = null) =>
  control.decide({ approval_id: asked()[0].approval_id, status, by: "alice", reason, decided_time: null });

test("a call that can't be undone waits for a person, and goes on when one approves", async () => {
  const of = controlled();
  const running = refunding(of)("call_1");
  await expect.poll(() => asked().length).toBe(1);
  expect(asked()[0]).toMatchObject({ agent: "support", tool: "refund", call_id: "call_1", arguments: '{"amount":5}' });
  expect(refunds).toEqual([]);
  decide("approved", "fine");
  await running;
  expect(refunds).toEqual([0]);
  const [step] = await of.steps("approval");
  expect(step?.attributes).toMatchObject({
    "runledger.approval.approved": true,
    "runledger.approval.by": "alice",
    "runledger.approval.id": asked()[0].approval_id,
  });
});

test("denied or expired it is not done, and the agent is told by whom and why", async () => {
  const running = refunding(controlled())("call_1").catch((error: unknown) => error);
  await expect.poll(() => asked().length).toBe(1);
  decide("denied", "too much");
  expect(await running).toMatchObject({ code: "approval_denied", message: expect.stringContaining("alice: too much") });
  expect(refunds).toEqual([]);
});

test("nobody answers in time: no", async () => {
  const running = refunding(controlled(), { confirmTimeoutMs: 300 })("call_1");
  await expect(running).rejects.toMatchObject({ code: "approval_denied" });
  expect(refunds).toEqual([]);
});

test("an API that is away is asked again, and one that refuses is a no at once", async () => {
  control.answerWith = (response) => sendJson(response, { error: {} }, 503);
  const of = controlled();
  const running = refunding(of)("call_1");
  await expect.poll(() => asked().length).toBeGreaterThan(1);
  control.answerWith = undefined;
  const before = asked().length;
  await expect.poll(() => asked().length).toBeGreaterThan(before);
  decide("approved");
  await running;
  expect(new Set(asked().map(({ approval_id }) => approval_id)).size).toBe(1);

  control.answerWith = (response) => sendJson(response, { error: {} }, 403);
  await expect(refunding(of)("call_2")).rejects.toMatchObject({ code: "approval_denied" });
  expect(refunds).toHaveLength(1);
});

test("the same call of another run is another request, and so is the same arguments called again", async () => {
  const of = controlled();
  const agent = refunding(of, { confirmTimeoutMs: 200 });
  for (const call of ["call_1", "call_1", "call_2"]) await agent(call).catch(() => undefined);
  expect(new Set(asked().map(({ approval_id }) => approval_id)).size).toBe(3);
});

test("a kill ends the wait", async () => {
  const running = refunding(controlled())("call_1").catch((error: unknown) => error);
  await expect.poll(() => asked().length).toBe(1);
  await expect.poll(() => control.waiting()).toBe(1);
  control.kill({ agent: "support" });
  expect(await running).toMatchObject({ name: "AgentStopped", reason: "killed: it loops (by alice)" });
  expect(refunds).toEqual([]);
});
