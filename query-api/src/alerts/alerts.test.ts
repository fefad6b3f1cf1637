import { createHmac } from "node:crypto";
import { alertList, rfc3339FromUnixNano, type StepRow } from "@runledger/contract";
import { DERIVED_TABLES } from "@runledger/storage";
import { pino } from "pino";
import { Registry } from "prom-client";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { queryApiSettings } from "../config.ts";
import { type QueryApiServer, startQueryApi } from "../server.ts";
import { type ApiUnderTest, startApiUnderTest } from "../testing/api-under-test.ts";
import { llmRow, sha256, stepRow, toolRow } from "../testing/step-rows.ts";
import { startWebhookReceiver, type WebhookReceiver } from "../testing/webhook-receiver.ts";

const SECRET = "a secret of some length";

/** Whose ClickHouse all tests take, emptied after each. */
let first: ApiUnderTest;
let stores: ApiUnderTest;
let webhook: WebhookReceiver;
let servers: QueryApiServer[];
let inserted = 0;

beforeAll(async () => {
  first = await startApiUnderTest();
});
afterAll(() => first.close());
beforeEach(async () => {
  stores = await startApiUnderTest({}, { rows: first.rows });
  servers = [];
});
afterEach(async () => {
  await Promise.all(servers.map((server) => server.close()));
  await webhook?.close();
  await stores.close();
  for (const table of DERIVED_TABLES) await first.rows.command(`TRUNCATE TABLE ${table}`);
});

/** A listening API, alert engine and all, on the stores of the test. */
async function start(settings: object = {}): Promise<string> {
  const server = await startQueryApi(
    { ...stores.dependencies, clock: Date.now, registry: new Registry(), logger: pino({ level: "silent" }) },
    queryApiSettings.parse({
      port: 0,
      alertWebhookUrl: webhook.url,
      alertWebhookSecret: SECRET,
      alertWebhookBackoffMs: 50,
      ...settings,
    }),
  );
  servers.push(server);
  return `http://127.0.0.1:${server.port}`;
}

async function insert(...rows: StepRow[]): Promise<void> {
  await stores.rows.insert("steps", rows, `batch ${++inserted}`);
}

function now(): { start_time: string; end_time: string; received_time: string } {
  const time = rfc3339FromUnixNano(BigInt(Date.now()) * 1_000_000n);
  return { start_time: time, end_time: time, received_time: time };
}

function call(runId: string, n: number): StepRow {
  return toolRow(runId, `call ${n}`, { ...now(), agent_name: "support", arguments_sha256: sha256("the same") });
}

async function alertsOf(url: string) {
  return alertList.parse(await (await fetch(`${url}/v1/alerts`)).json()).items;
}

test("a loop is delivered once, signed, within three seconds of the step that completes it", async () => {
  webhook = await startWebhookReceiver();
  const url = await start();
  await insert(call("r1", 1), call("r1", 2), toolRow("r1", "other", { ...now(), arguments_sha256: sha256("other") }));
  await insert(llmRow("r1", "llm", { ...now(), cost_usd: "0.25", input_tokens: 10, output_tokens: 5 }));
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  expect(webhook.requests).toEqual([]);

  const third = call("r1", 3);
  await insert(third);
  const completedMs = Date.now();
  await vi.waitFor(() => expect(webhook.requests).toHaveLength(1), { timeout: 15_000, interval: 20 });
  await insert(call("r1", 4), call("r1", 5));
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  expect(webhook.requests).toHaveLength(1);

  const [request] = webhook.requests;
  expect((request?.receivedMs ?? 0) - completedMs).toBeLessThan(3_000);
  const signed = `${request?.headers["webhook-id"]}.${request?.headers["webhook-timestamp"]}.${request?.body}`;
  const signature = createHmac("sha256", SECRET).update(signed).digest("base64");
  expect(request?.headers["webhook-signature"]).toBe(`v1,${signature}`);
  expect(JSON.parse(request?.body ?? "")).toMatchObject({
    type: "alert.firing",
    data: { rule: "loop.repeat", run_id: "r1", agent: "support", value: 3, threshold: 3, cost_usd: "0.25", tokens: 15 },
  });
  const [alert, ...others] = await alertsOf(url);
  expect(others).toEqual([]);
  expect(alert).toMatchObject({
    state: "firing",
    deliveries: [{ channel: "webhook", status: "delivered", attempts: 1 }],
  });
  expect(alert?.step_ids).toContain(third.step_id);
  expect(alert?.step_ids).toHaveLength(3);
});

test("a receiver that fails first gets the same delivery again", async () => {
  webhook = await startWebhookReceiver(500, 503);
  const url = await start();
  await insert(call("r1", 1), call("r1", 2), call("r1", 3));
  await vi.waitFor(() => expect(webhook.requests.map((request) => request.status)).toEqual([500, 503, 204]), {
    timeout: 15_000,
  });
  expect(new Set(webhook.requests.map((request) => request.headers["webhook-id"])).size).toBe(1);
  await vi.waitFor(
    async () =>
      expect((await alertsOf(url))[0]?.deliveries).toMatchObject([{ status: "delivered", attempts: 3, error: null }]),
    { timeout: 15_000 },
  );
});

test("a receiver that never takes it is given up after the attempts one can set", async () => {
  webhook = await startWebhookReceiver(500, 500, 500);
  const url = await start({ alertWebhookAttempts: 2 });
  await insert(call("r1", 1), call("r1", 2), call("r1", 3));
  await vi.waitFor(
    async () =>
      expect((await alertsOf(url))[0]?.deliveries).toMatchObject([
        { status: "failed", attempts: 2, error: "HTTP 500" },
      ]),
    { timeout: 15_000 },
  );
  expect(webhook.requests).toHaveLength(2);
});

test("an alert is resolved by itself when its run ends, and that is told too", async () => {
  webhook = await startWebhookReceiver();
  const url = await start();
  await insert(call("r1", 1), call("r1", 2), call("r1", 3));
  await vi.waitFor(() => expect(webhook.requests).toHaveLength(1), { timeout: 15_000 });
  await insert(stepRow("r1", "end", { ...now(), event: "run_end", end_status: "stopped" }));
  await vi.waitFor(() => expect(webhook.requests).toHaveLength(2), { timeout: 15_000 });
  expect(JSON.parse(webhook.requests[1]?.body ?? "")).toMatchObject({
    type: "alert.resolved",
    data: { state: "resolved" },
  });
  expect(await alertsOf(url)).toMatchObject([{ state: "resolved", resolved_time: expect.any(String) }]);
});

test("after a restart the loop that began before is found, and no alert fires twice", async () => {
  webhook = await startWebhookReceiver();
  await start();
  await insert(call("r1", 1), call("r1", 2), call("r1", 3), call("r2", 1), call("r2", 2));
  await vi.waitFor(() => expect(webhook.requests).toHaveLength(1), { timeout: 15_000 });
  await servers.pop()?.close();
  await insert(call("r2", 3));
  await start();
  await vi.waitFor(() => expect(webhook.requests).toHaveLength(2), { timeout: 15_000 });
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(webhook.requests.map((request) => JSON.parse(request.body).data.run_id)).toEqual(["r1", "r2"]);
});

test("thresholds can be set, and each limit raises its own alert", async () => {
  webhook = await startWebhookReceiver();
  const url = await start();
  for (const change of [
    { rule: "limit.steps", threshold: 2 },
    { rule: "limit.tokens", threshold: 100 },
    { rule: "limit.cost", threshold: 0.5 },
    { rule: "limit.time", threshold: 30 },
    { rule: "loop.repeat", enabled: false },
  ]) {
    const changed = await fetch(`${url}/v1/alert-rules`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(change),
    });
    expect(await changed.json()).toMatchObject(change);
  }
  const longAgo = rfc3339FromUnixNano(BigInt(Date.now() - 60_000) * 1_000_000n);
  await insert(
    stepRow("over", "start", { ...now(), start_time: longAgo, event: "run_start", heartbeat_interval_ms: 5_000 }),
    llmRow("over", "llm", { ...now(), input_tokens: 90, output_tokens: 10, cost_usd: "0.500000000" }),
    ...[1, 2, 3].map((n) => call("over", n)),
    llmRow("under", "llm", { ...now(), input_tokens: 90, output_tokens: 9, cost_usd: "0.499999999" }),
  );
  await vi.waitFor(() => expect(webhook.requests).toHaveLength(4), { timeout: 15_000 });
  const alerts = await alertsOf(url);
  expect(alerts.map(({ rule }) => rule).sort()).toEqual(["limit.cost", "limit.steps", "limit.time", "limit.tokens"]);
  expect(new Set(alerts.map(({ run_id }) => run_id))).toEqual(new Set(["over"]));
  expect(alerts.every(({ step_ids }) => step_ids.length > 0)).toBe(true);
});

test("a limit that stopped an agent raises the alert of that limit, in the agent's own numbers", async () => {
  webhook = await startWebhookReceiver();
  const url = await start();
  const limit = stepRow("r1", "limit wall_ms", {
    ...now(),
    kind: "limit",
    status: "error",
    error_type: "AgentStopped",
    error_message: "limit wall_ms: 5004 of 5000",
  });
  await insert(limit);
  await vi.waitFor(async () => expect(await alertsOf(url)).toHaveLength(1), { timeout: 15_000 });
  expect(await alertsOf(url)).toMatchObject([
    { rule: "limit.time", value: 5.004, threshold: 5, step_ids: [limit.step_id] },
  ]);
});

test("an alert can be acknowledged, silenced with an end, and resolved; what is resolved stays so", async () => {
  webhook = await startWebhookReceiver();
  const url = await start();
  await insert(call("r1", 1), call("r1", 2), call("r1", 3));
  await vi.waitFor(async () => expect(await alertsOf(url)).toHaveLength(1), { timeout: 15_000 });
  const id = (await alertsOf(url))[0]?.alert_id;
  const act = async (what: string, body?: object) => {
    const response = await fetch(`${url}/v1/alerts/${id}/${what}`, {
      method: "POST",
      ...(body ? { headers: { "content-type": "application/json" }, body: JSON.stringify(body) } : {}),
    });
    return { status: response.status, body: await response.json() };
  };
  expect(await act("acknowledge")).toMatchObject({ status: 200, body: { state: "acknowledged" } });
  expect(await act("silence", { until: "2020-01-01T00:00:00Z" })).toMatchObject({
    status: 400,
    body: { error: { details: [{ field: "until" }] } },
  });
  const until = new Date(Date.now() + 60_000).toISOString();
  expect(await act("silence", { until })).toMatchObject({ status: 200, body: { state: "silenced" } });
  expect(await act("resolve")).toMatchObject({ status: 200, body: { state: "resolved" } });
  expect(await act("acknowledge")).toMatchObject({ status: 409, body: { error: { code: "conflict" } } });
  expect(stores.acts.recorded.map(({ action, target }) => [action, target])).toEqual([
    ["alert.acknowledge", { alert_id: id, rule: "loop.repeat", run_id: "r1" }],
    ["alert.silence", { alert_id: id, rule: "loop.repeat", run_id: "r1", silenced_until: expect.any(String) }],
    ["alert.resolve", { alert_id: id, rule: "loop.repeat", run_id: "r1" }],
  ]);
});

test("a rule is changed only when that is on record", async () => {
  const change = { method: "POST", url: "/v1/alert-rules", payload: { rule: "loop.repeat", threshold: 5 } } as const;
  stores.acts.refuse(true);
  expect((await stores.app.inject(change)).statusCode).toBe(503);
  expect((await stores.app.inject("/v1/alert-rules")).json().items[0]).toMatchObject({ threshold: 3 });
  stores.acts.refuse(false);
  const reason = { "runledger-reason": "too many pages" };
  expect((await stores.app.inject({ ...change, headers: reason })).json()).toMatchObject({ threshold: 5 });
  expect(stores.acts.recorded).toMatchObject([
    { action: "alert_rule.change", reason: "too many pages", target: { rule: "loop.repeat", threshold: 5 } },
  ]);
});

test("a threshold that a rule can't have is refused by name", async () => {
  const response = await stores.app.inject({
    method: "POST",
    url: "/v1/alert-rules",
    payload: { rule: "loop.repeat", threshold: 1 },
  });
  expect(response.statusCode).toBe(400);
  expect(response.json()).toMatchObject({ error: { details: [{ field: "threshold" }] } });
  expect(stores.acts.recorded).toEqual([]);
});

test("two query APIs over one store raise and deliver once", async () => {
  webhook = await startWebhookReceiver();
  const urls = [await start({ instance: "a" }), await start({ instance: "b" })];
  await insert(call("r1", 1), call("r1", 2), call("r1", 3));
  await vi.waitFor(() => expect(webhook.requests).toHaveLength(1), { timeout: 15_000 });
  await insert(call("r2", 1), call("r2", 2), call("r2", 3));
  await vi.waitFor(() => expect(webhook.requests).toHaveLength(2), { timeout: 15_000 });
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  expect(webhook.requests).toHaveLength(2);
  for (const url of urls) expect(await alertsOf(url)).toHaveLength(2);
});

test("when the one that alerts goes, the other goes on from there", async () => {
  webhook = await startWebhookReceiver();
  await start({ instance: "a" });
  await insert(call("r1", 1), call("r1", 2), call("r1", 3));
  await vi.waitFor(() => expect(webhook.requests).toHaveLength(1), { timeout: 15_000 });
  await start({ instance: "b" });
  await servers.shift()?.close();
  await insert(call("r2", 1), call("r2", 2), call("r2", 3));
  await vi.waitFor(() => expect(webhook.requests).toHaveLength(2), { timeout: 20_000 });
});

test("a rule whose action is to kill does so when it fires, once, naming the alert; one without does not", async () => {
  webhook = await startWebhookReceiver();
  const url = await start();
  await insert(call("before", 1), call("before", 2), call("before", 3));
  await vi.waitFor(async () => expect(await alertsOf(url)).toHaveLength(1), { timeout: 15_000 });
  expect((await alertsOf(url))[0]?.action_taken).toBeNull();

  const body = JSON.stringify({ rule: "loop.repeat", action: "kill" });
  const changed = await fetch(`${url}/v1/alert-rules`, { method: "POST", headers: JSON_BODY, body });
  expect(await changed.json()).toMatchObject({ rule: "loop.repeat", enabled: true, threshold: 3, action: "kill" });
  await insert(call("r1", 1), call("r1", 2), call("r1", 3));
  await vi.waitFor(async () => expect(await alertsOf(url)).toHaveLength(2), { timeout: 15_000 });
  const kills = (await (await fetch(`${url}/v1/kill`)).json()) as { items: { kill_id: string; reason: string }[] };
  expect(kills.items).toMatchObject([{ scope: { run_id: "r1" }, by: "alert loop.repeat" }]);
  expect(kills.items[0]?.reason).toMatch(/^alert loop.repeat: support calls /);
  const alert = (await alertsOf(url)).find(({ run_id }) => run_id === "r1");
  expect(alert?.action_taken).toMatchObject({ action: "kill", kill_id: kills.items[0]?.kill_id, error: null });
  await vi.waitFor(() => expect(webhook.requests.at(-1)?.body).toContain('"action_taken":{"action":"kill"'));

  await fetch(`${url}/v1/kill/${kills.items[0]?.kill_id}`, { method: "DELETE" });
  await insert(call("r1", 4));
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  expect(await (await fetch(`${url}/v1/kill`)).json()).toEqual({ items: [] });
});
const JSON_BODY = { "content-type": "application/json" };

test("failing tools and rejections by guardrails fire from their thresholds on, and few calls say nothing", async () => {
  webhook = await startWebhookReceiver();
  const url = await start();
  const failed = { status: "error", error_type: "Error", error_message: "no" } as const;
  const tools = (runId: string, failing: number, calls: number, asked = 0) =>
    Array.from({ length: calls + asked }, (_, i) =>
      toolRow(runId, `t${i}`, {
        ...{ ...now(), arguments_sha256: sha256(`${i}`), tool_inferred: i >= calls },
        ...(i < failing ? failed : {}),
      }),
    );
  const rejections = (runId: string, count: number) =>
    Array.from({ length: count }, (_, i) => stepRow(runId, `g${i}`, { ...now(), kind: "guardrail", ...failed }));
  await insert(
    ...[...tools("failing", 3, 5), ...tools("fine", 2, 5), ...tools("few", 4, 4)],
    // What was only asked for is no call that went well, nor one of five.
    ...[...tools("unsure", 3, 5, 5), ...tools("hardly", 4, 4, 3)],
    ...[...rejections("rejected", 3), ...rejections("checked", 2)],
  );
  await vi.waitFor(() => expect(webhook.requests).toHaveLength(3), { timeout: 15_000 });
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const found = (await alertsOf(url)).map(({ rule, run_id, value }) => [rule, run_id, value]).sort();
  expect(found).toEqual([
    ["guardrail.rejections", "rejected", 3],
    ["tool.failure_rate", "failing", 0.6],
    ["tool.failure_rate", "unsure", 0.6],
  ]);
});

test("what the single calls of a run tell fires from its thresholds on, and not below", async () => {
  webhook = await startWebhookReceiver();
  const url = await start();
  const failed = { status: "error", error_type: "Timeout", error_message: "no" } as const;
  const tool = (run: string, n: number, facts: Partial<StepRow> = {}): StepRow =>
    toolRow(run, `t${n}`, { ...now(), arguments_sha256: sha256(`${n}`), ...facts });
  const each = (count: number, of: (i: number) => StepRow) => Array.from({ length: count }, (_, i) => of(i));
  const later = (i: number) => rfc3339FromUnixNano(BigInt(Date.now() + i) * 1_000_000n);
  const pay = { tool_name: "pay", tool_side_effect: "irreversible" } as const;
  const round = (run: string, count: number) =>
    each(count, (i) =>
      tool(run, i, { tool_name: `t${i % 2}`, arguments_sha256: sha256(`${i % 2}`), start_time: later(i) }),
    );
  // The thresholds of loop.repeat would name the same runs.
  await fetch(`${url}/v1/alert-rules`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ rule: "loop.repeat", threshold: 90 }),
  });
  await insert(
    ...[tool("unknown", 1, { ...failed, tool_known: false }), tool("known", 1, { ...failed, tool_known: true })],
    ...[
      ...each(2, (i) => tool("invalid", i, { ...failed, tool_valid: false })),
      tool("valid", 1, { ...failed, tool_valid: false }),
    ],
    ...[tool("unapproved", 1, pay), tool("approved", 1, { ...pay, tool_confirmed: true })],
    ...[tool("refused", 1, { ...pay, ...failed, tool_confirmed: false })],
    ...each(2, (i) => tool("twice", i, { ...pay, tool_confirmed: true, arguments_sha256: sha256("same") })),
    ...each(2, (i) =>
      tool("answered", i, {
        ...pay,
        tool_confirmed: true,
        arguments_sha256: sha256("same"),
        tool_same_as: i ? "x" : "",
      }),
    ),
    ...[...round("cycle", 6), ...round("nearly", 5)],
    ...each(5, (i) => tool("stuck", i, { result_sha256: sha256("nothing found") })),
    ...each(5, (i) => tool("moving", i, { result_sha256: sha256(`${i}`) })),
    ...each(5, (i) => tool("failing", i, failed)),
    ...each(10, (i) => tool("retrying", i, { attempt: 2 })),
    ...each(20, (i) => stepRow("many", `a${i}`, { ...now(), kind: "agent" })),
    ...each(19, (i) => stepRow("some", `a${i}`, { ...now(), kind: "agent" })),
  );
  const fired = async () => (await alertsOf(url)).map(({ rule, run_id, value }) => `${rule} ${run_id} ${value}`).sort();
  const expected = [
    ...[
      "fanout many 20",
      "loop.cycle cycle 3",
      "loop.errors failing 5",
      "loop.no_progress stuck 5",
      "retry.cascade retrying 10",
    ],
    ...["side_effect.duplicate twice 2", "side_effect.unapproved unapproved 1", "tool.failure_rate failing 1"],
    ...["tool.invalid_arguments invalid 2", "tool.unknown unknown 1"],
  ];
  await vi.waitFor(async () => expect(await fired()).toEqual(expected), { timeout: 30_000, interval: 300 });
});
