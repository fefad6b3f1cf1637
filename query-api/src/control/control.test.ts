import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type ControlUnderTest, startControlUnderTest } from "../testing/control-under-test.ts";
import { withKill } from "./kill-book.ts";

let one: ControlUnderTest;
beforeEach(async () => {
  one = await startControlUnderTest({ apis: 2 });
});
afterEach(() => one.close());

const order = (scope: object, reason = "it loops") => ({ scope, reason });
async function cursorOf(api = 0, tenant = "default"): Promise<string> {
  return (await one.ask(api, "GET", "/v1/control?wait_ms=0", undefined, tenant)).body.cursor;
}

test("a kill is in force at once, says who and why, and its act is recorded", async () => {
  const { status, body } = await one.ask(0, "POST", "/v1/kill", order({ agent: "support" }));
  expect(status).toBe(201);
  expect(body).toMatchObject({ scope: { agent: "support" }, reason: "it loops", by: "loopback" });
  expect((await one.ask(1, "GET", "/v1/kill")).body.items).toEqual([body]);
  await vi.waitFor(() =>
    expect(one.acts.recorded).toMatchObject([
      { action: "kill", reason: "it loops", target: { kill_id: body.kill_id, scope: { agent: "support" } } },
    ]),
  );
});

test("the same scope is killed once, and the second order gets the first kill", async () => {
  const orders = await Promise.all(
    [0, 1, 0, 1].map((api) => one.ask(api, "POST", "/v1/kill", order({ run_id: "r1" }, `from ${api}`))),
  );
  expect(orders.map(({ status }) => status).sort()).toEqual([200, 200, 200, 201]);
  expect(new Set(orders.map(({ body }) => body.kill_id)).size).toBe(1);
});

test("a kill that can't be recorded is in force all the same, and recorded as soon as it can be, by whichever API runs", async () => {
  one.acts.refuse(true);
  const { status, body } = await one.ask(0, "POST", "/v1/kill", order({ all: true }));
  expect(status).toBe(201);
  expect((await one.ask(0, "GET", "/v1/kill")).body.items).toEqual([body]);
  await new Promise((resolve) => setTimeout(resolve, 100));
  one.acts.refuse(false);
  await one.apps[1]?.listen({ port: 0 });
  await vi.waitFor(
    () => expect(one.acts.recorded).toMatchObject([{ action: "kill", target: { kill_id: body.kill_id } }]),
    {
      timeout: 15_000,
    },
  );
});

test("lifting is recorded first, and is no more when that fails", async () => {
  const { body } = await one.ask(0, "POST", "/v1/kill", order({ agent: "a" }));
  await vi.waitFor(() => expect(one.acts.recorded).toHaveLength(1));
  one.acts.refuse(true);
  expect((await one.ask(0, "DELETE", `/v1/kill/${body.kill_id}`)).status).toBeGreaterThanOrEqual(500);
  expect((await one.ask(0, "GET", "/v1/kill")).body.items).toHaveLength(1);
  one.acts.refuse(false);
  expect((await one.ask(0, "DELETE", `/v1/kill/${body.kill_id}`)).status).toBe(200);
  expect(one.acts.recorded.at(-1)).toMatchObject({ action: "kill.lift", target: { kill_id: body.kill_id } });
  expect((await one.ask(1, "GET", "/v1/kill")).body.items).toEqual([]);
  expect((await one.ask(0, "DELETE", `/v1/kill/${body.kill_id}`)).status).toBe(404);
});

test("who waits is told at once, of a kill that another API took within a second", async () => {
  const cursors = [await cursorOf(0), await cursorOf(1)];
  const begin = performance.now();
  const waiting = [0, 1].map((api) => one.ask(api, "GET", `/v1/control?cursor=${cursors[api]}&wait_ms=20000`));
  await vi.waitFor(async () => expect(await waitingAt(0)).toBe(1));
  const { body } = await one.ask(0, "POST", "/v1/kill", order({ session: "s" }));
  for (const answer of await Promise.all(waiting)) expect(answer.body.kills).toEqual([body]);
  expect(performance.now() - begin).toBeLessThan(15_000);
});

test("nothing new is answered when the wait is over, with the same cursor", async () => {
  const cursor = await cursorOf();
  const { body } = await one.ask(0, "GET", `/v1/control?cursor=${cursor}&wait_ms=50`);
  expect(body).toEqual({ cursor, kills: [], approvals: [] });
});

test("a tenant's kills reach no other's agents, and it can't lift theirs", async () => {
  const { body } = await one.ask(0, "POST", "/v1/kill", order({ all: true }), "acme");
  expect((await one.ask(0, "GET", "/v1/control?wait_ms=0")).body.kills).toEqual([]);
  expect((await one.ask(0, "GET", "/v1/control?wait_ms=0", undefined, "acme")).body.kills).toEqual([body]);
  expect((await one.ask(0, "GET", "/v1/kill")).body.items).toEqual([]);
  expect((await one.ask(0, "DELETE", `/v1/kill/${body.kill_id}`)).status).toBe(404);
});

test("an asker that has heard more than this API knows is not told older news", async () => {
  const { body } = await one.ask(0, "POST", "/v1/kill", order({ agent: "a" }));
  const cursor = await cursorOf(0);
  const { body: answer } = await one.ask(1, "GET", `/v1/control?cursor=${cursor}&wait_ms=0`);
  expect(answer.kills).toEqual([body]);
});

test("what is no kill is refused, with the way out", async () => {
  for (const body of [
    order({}),
    order({ run_id: "r", agent: "a" }),
    order({ all: false }),
    order({ team: "x" }),
    order({ run_id: "r" }, " "),
    { scope: { run_id: "r" } },
  ]) {
    const answer = await one.ask(0, "POST", "/v1/kill", body);
    expect(answer.status, JSON.stringify(body)).toBe(400);
    expect(answer.body.error.message).not.toBe("");
  }
  for (const cursor of ["x", "1.2.3", "9".repeat(99)]) {
    expect((await one.ask(0, "GET", `/v1/control?cursor=${cursor}`)).status).toBe(200); // at once: it is not the answer's
  }
});

test("who waits is sent away when the API ends, and when its place is taken", async () => {
  const small = await startControlUnderTest({ settings: { controlMaxWaiters: 3 } });
  const { cursor } = (await small.ask(0, "GET", "/v1/control?wait_ms=0")).body;
  const url = `/v1/control?cursor=${cursor}&wait_ms=30000`;
  const first = small.ask(0, "GET", url);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect((await small.ask(0, "GET", url)).status).toBe(503);
  const ofOther = await small.ask(0, "GET", `/v1/control?cursor=${cursor}&wait_ms=100`, undefined, "other");
  expect(ofOther.status, "another tenant").toBe(200);
  await small.close();
  expect((await first).status).toBe(503);
});

async function waitingAt(api: number): Promise<number> {
  const metrics = await one.apps[api]?.inject({ url: "/metrics" });
  return Number(/runledger_api_control_waiting (\d+)/.exec(metrics?.body ?? "")?.[1] ?? 0);
}

test("one tenant's kills leave the others room", () => {
  const actor = { key_id: null, roles: [] };
  const kept = { reason: "r", by: "b", time: "", tenant: "acme", actor, recorded: false, lifted: false };
  const kills = Array.from({ length: 1_000 }, (_, i) => ({ ...kept, kill_id: `${i}`, scope: { run_id: `r${i}` } }));
  const killing = (tenant: string) => () => {
    const principal = { keyId: null, name: "ann", roles: new Set<never>(), tenant, everyTenant: false };
    return withKill({ version: 0, kills }, { scope: { all: true }, reason: "r", principal, nowMs: Date.now() });
  };
  expect(killing("acme")).toThrow("1000 kills are in force, which is the limit of a tenant");
  expect(killing("ours")()).toMatchObject({ isNew: true });
});
