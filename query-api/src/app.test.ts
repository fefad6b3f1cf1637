import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Objects, openObjects, openRows, type Rows } from "@runledger/storage";
import { pino } from "pino";
import { Registry } from "prom-client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { createApp } from "./app.ts";
import { queryApiSettings } from "./config.ts";
import type { App, QueryApiDependencies } from "./dependencies.ts";
import { createRecordedActs } from "./testing/recorded-acts.ts";

const KEY = "a key of enough characters";

let dir: string;
let objects: Objects;
/** Nothing listens there: these tests need no ClickHouse, and one looks at its absence. */
let rows: Rows;
let open: App;
let guarded: App;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "runledger-app-"));
  await writeFile(join(dir, "index.html"), "<!doctype html><title>Runledger</title>");
  objects = await openObjects(`file:${join(dir, "objects")}`);
  rows = openRows("http://default:@127.0.0.1:1/nothing");
  open = await build({});
  guarded = await build({ apiKey: KEY });
});
afterAll(async () => {
  await Promise.all([open.close(), guarded.close(), rows.close()]);
  await rm(dir, { recursive: true, force: true });
});

async function build(settings: object, replaced: Partial<QueryApiDependencies> = {}): Promise<App> {
  return await createApp(
    {
      rows,
      objects,
      keyring: null,
      acts: createRecordedActs(),
      clock: Date.now,
      random: Math.random,
      logger: pino({ level: "silent" }),
      registry: new Registry(),
      webDir: dir,
      verifierKeys: [],
      ...replaced,
    },
    queryApiSettings.parse(settings),
  );
}

test("without ClickHouse the API lives, is not ready, and says when to try again", async () => {
  expect((await open.inject("/healthz")).statusCode).toBe(200);
  const ready = await open.inject("/readyz");
  expect(ready.statusCode).toBe(503);
  expect(ready.json()).toEqual({
    status: "failed",
    checks: { clickhouse: "failed", migrations: "failed", objects: "ok" },
    troubles: [],
    warnings: [],
  });
  const runs = await open.inject("/v1/runs");
  expect(runs.statusCode).toBe(503);
  expect(runs.headers["retry-after"]).toBeDefined();
  expect(runs.json()).toMatchObject({ error: { code: "unavailable" } });
  expect(runs.body).not.toContain("ECONNREFUSED");
});

test("a ClickHouse that hangs is not ready, told within three seconds", async () => {
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const { port } = z.object({ port: z.number() }).parse(silent.address());
  const hanging = openRows(`http://default:@127.0.0.1:${port}/nothing`);
  const app = await build({}, { rows: hanging });
  const startedMs = Date.now();
  const ready = await app.inject("/readyz");
  expect(ready.statusCode).toBe(503);
  expect(Date.now() - startedMs).toBeLessThan(3_000);
  expect(ready.json().checks).toMatchObject({ clickhouse: "failed", objects: "ok" });
  await app.close();
  await hanging.close();
  silent.closeAllConnections();
  await new Promise((resolve) => silent.close(resolve));
});

test("people's questions that use up all connections don't make it unready", async () => {
  const never = () => new Promise<never>(() => undefined);
  const busy: Rows = { ...rows, ping: never, query: never };
  const app = await build({}, { rows: busy, ownRows: { ...rows, ping: async () => undefined, query: async () => [] } });
  expect((await app.inject("/readyz")).json()).toMatchObject({ status: "ok" });
  await app.close();
});

test("troubles of the process are listed where it says whether it is ready, its other threads' counts in the metrics", async () => {
  const app = await build(
    {},
    { troubles: async () => ["the journal is full"], collectMetrics: async () => "other_thread_total 7\n" },
  );
  const ready = await app.inject("/readyz");
  expect(ready.statusCode).toBe(503);
  expect(ready.json()).toMatchObject({ status: "failed", troubles: ["the journal is full"] });
  expect((await app.inject("/metrics")).body).toMatch(/^other_thread_total 7$/m);
  await app.close();
});

test("a URL that can't be decoded is a 400 and another media type a 415, both in the error form", async () => {
  const url = await open.inject("/v1/runs/%zz");
  expect(url.statusCode).toBe(400);
  expect(url.json()).toMatchObject({ error: { code: "invalid_argument", details: [] } });
  const type = await open.inject({
    method: "POST",
    url: "/v1/alert-rules",
    payload: "<x/>",
    headers: { "content-type": "application/xml" },
  });
  expect(type.statusCode).toBe(415);
  expect(type.json()).toMatchObject({ error: { code: "invalid_argument", details: [] } });
});

test.each([
  [{ origin: "https://evil.example" }, 403],
  [{ origin: "null" }, 403],
  [{ origin: "http://127.0.0.1:5173", host: "127.0.0.1:4400" }, 400],
  [{}, 400],
])("a change with headers %j is answered %i", async (headers, status) => {
  const change = { method: "POST", url: "/v1/alert-rules", payload: { rule: "no.such" } } as const;
  expect((await open.inject({ ...change, headers })).statusCode).toBe(status);
  const authorization = `Bearer ${KEY}`;
  expect((await guarded.inject({ ...change, headers: { ...headers, authorization } })).statusCode).toBe(status);
});

test("the OpenAPI document is 3.1 and names every call of this API", async () => {
  const document = (await open.inject("/openapi.json")).json();
  expect(document.openapi).toBe("3.1.0");
  for (const path of [
    "/v1/runs",
    "/v1/runs/{run_id}/steps/{step_id}",
    "/v1/usage",
    "/v1/audit/proof",
    "/v1/alerts/{alert_id}/silence",
    "/readyz",
  ]) {
    expect(Object.keys(document.paths)).toContain(path);
  }
  const reason = { in: "header", name: "Runledger-Reason" };
  for (const read of ["/v1/runs", "/v1/runs/{run_id}/steps/{step_id}", "/v1/live", "/v1/approvals/{approval_id}"])
    expect(document.paths[read].get.parameters).toContainEqual(expect.objectContaining(reason));
  expect(document.components.schemas).toHaveProperty("Run");
  expect(document.components.schemas.StepDetail.properties.attributes).toEqual({ type: "object" });
});

test("the reference and the page load nothing from elsewhere, and the policy allows nothing else", async () => {
  for (const url of ["/docs", "/"]) {
    const page = await open.inject(url);
    expect(page.statusCode).toBe(200);
    expect(page.body).not.toMatch(/(src|href)="(https?:)?\/\//);
    expect(page.headers["content-security-policy"]).toContain("script-src 'self';");
    expect(page.body).not.toMatch(/<script(?![^>]*src=)[^>]*>/);
  }
  expect((await open.inject("/docs/static/swagger-ui-bundle.js")).statusCode).toBe(200);
});

test("a path of the page's own router gets the page, a call that isn't there an error", async () => {
  const page = await open.inject({ url: "/runs/abc", headers: { accept: "text/html" } });
  expect(page.body).toContain("<title>Runledger</title>");
  const call = await open.inject({ url: "/v1/nothing", headers: { accept: "text/html" } });
  expect(call.statusCode).toBe(404);
  expect(call.json()).toMatchObject({ error: { code: "not_found", hint: "see /docs for every call", details: [] } });
});

test("metrics count requests by route, not by id", async () => {
  await open.inject("/v1/runs/some-id");
  const metrics = await open.inject("/metrics");
  expect(metrics.body).toMatch(
    /runledger_api_request_duration_seconds_count\{method="GET",route="\/v1\/runs\/:run_id",status="503"\}/,
  );
});

test.each([
  [{}, 401],
  [{ authorization: "Bearer wrong" }, 401],
  [{ authorization: `Basic ${Buffer.from("me:wrong").toString("base64")}` }, 401],
  [{ authorization: `Bearer ${KEY}` }, 200],
  [{ authorization: `Basic ${Buffer.from(`me:${KEY}`).toString("base64")}` }, 200],
])("with a key set, headers %j are answered %i", async (headers, status) => {
  const response = await guarded.inject({ url: "/v1/alert-rules", headers });
  expect(response.statusCode).toBe(status);
  if (status === 401) expect(response.headers["www-authenticate"]).toContain("Basic");
});

test("with a key set, even the page and unknown paths ask for it, probes do not", async () => {
  expect((await guarded.inject("/")).statusCode).toBe(401);
  expect((await guarded.inject("/v1/nothing")).statusCode).toBe(401);
  expect((await guarded.inject("/healthz")).statusCode).toBe(200);
});

test("without a key, a request under another host's name is refused", async () => {
  const response = await open.inject({ url: "/v1/alert-rules", headers: { host: "rebound.example" } });
  expect(response.statusCode).toBe(403);
  expect(response.json()).toMatchObject({ error: { code: "permission_denied" } });
});

test("a request must come in whole within half a minute", () => {
  const { requestTimeout, headersTimeout } = open.server;
  expect([requestTimeout, headersTimeout]).toEqual([30_000, 10_000]);
});

test("too many requests are a 429 with Retry-After", async () => {
  const app = await build({ requestsPerMinute: 1 });
  await app.inject("/v1/alert-rules");
  const second = await app.inject("/v1/alert-rules");
  expect(second.statusCode).toBe(429);
  expect(second.headers["retry-after"]).toBeDefined();
  expect(second.json()).toMatchObject({ error: { code: "rate_limited" } });
  await app.close();
});

test.each([
  ["{", 400, "invalid_argument"],
  [JSON.stringify({ rule: "loop.repeat", threshold: "x".repeat(70_000) }), 413, "too_large"],
  [JSON.stringify({ rule: "no.such" }), 400, "invalid_argument"],
  [JSON.stringify({ rule: "loop.repeat", colour: "red" }), 400, "invalid_argument"],
])("a bad body is refused in the error form", async (payload, status, code) => {
  const response = await open.inject({
    method: "POST",
    url: "/v1/alert-rules",
    payload,
    headers: { "content-type": "application/json" },
  });
  expect(response.statusCode).toBe(status);
  expect(response.json()).toMatchObject({ error: { code, details: expect.any(Array) } });
});

test("bad settings are refused, every one of them named", () => {
  const bad = queryApiSettings.safeParse({ port: 99_999, alertWebhookUrl: "ftp://x" });
  expect(bad.error?.issues.map(({ path }) => path.join("."))).toEqual([
    "port",
    "alertWebhookUrl",
    "alertWebhookSecret",
  ]);
});
