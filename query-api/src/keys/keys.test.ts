import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRotationNotes, openObjects, openRows, type Rows } from "@runledger/storage";
import { pino } from "pino";
import { Registry } from "prom-client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createApp } from "../app.ts";
import { queryApiSettings } from "../config.ts";
import type { App } from "../dependencies.ts";
import { createRecordedActs, type RecordedActs } from "../testing/recorded-acts.ts";

const ROOT = "a key of enough characters";
const DAY_MS = 24 * 3_600_000;

let dir: string;
let rows: Rows;
let acts: RecordedActs;
let apps: App[];
/** Added to the real time. */
let aheadMs: number;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "runledger-keys-"));
  rows = openRows("http://default:@127.0.0.1:1/nothing");
  acts = createRecordedActs();
  apps = [];
  aheadMs = 0;
});
afterEach(async () => {
  await Promise.all(apps.map((app) => app.close()));
  await rows.close();
  await rm(dir, { recursive: true, force: true });
});

async function start(settings: object = {}): Promise<App> {
  const app = await createApp(
    {
      rows,
      objects: await openObjects(`file:${join(dir, "objects")}`),
      acts,
      keyring: null,
      clock: () => Date.now() + aheadMs,
      random: Math.random,
      logger: pino({ level: "silent" }),
      registry: new Registry(),
      webDir: null,
      verifierKeys: [],
    },
    queryApiSettings.parse(settings),
  );
  apps.push(app);
  return app;
}

async function call(app: App, method: "GET" | "POST" | "DELETE", url: string, key: string | null, payload?: object) {
  const response = await app.inject({
    method,
    url,
    headers: key === null ? {} : { authorization: `Bearer ${key}` },
    ...(payload === undefined ? {} : { payload }),
  });
  return { status: response.statusCode, body: response.json() };
}

const newKey = async (app: App, by: string | null, key: object) => {
  const { status, body } = await call(app, "POST", "/v1/keys", by, key);
  if (status !== 201) throw new Error(JSON.stringify(body));
  return { secret: String(body.secret), keyId: String(body.key.key_id) };
};

test("a key is made, used, rotated and revoked, each change on record with who and why", async () => {
  const app = await start({ apiKey: ROOT });
  const { secret, keyId } = await newKey(app, ROOT, { name: "ann", roles: ["viewer"] });
  expect((await call(app, "GET", "/v1/audit/keys", secret)).status).toBe(200);
  const rotated = await call(app, "POST", `/v1/keys/${keyId}/rotate`, ROOT);
  expect(rotated).toMatchObject({
    status: 200,
    body: { key: { key_id: keyId, old_secret_until: expect.any(String) } },
  });
  expect((await call(app, "GET", "/v1/audit/keys", rotated.body.secret)).status).toBe(200);
  const list = await call(app, "GET", "/v1/keys", ROOT);
  expect(list.body.items).toMatchObject([
    { key_id: keyId, name: "ann", roles: ["viewer"], tenant: "default", status: "active", expires_time: null },
  ]);
  expect(list.body.items[0].last_used_time).toMatch(/T\d\d:00:00\.0+Z$/);
  expect(JSON.stringify(list.body)).not.toMatch(/sha256|rlk_/);
  expect(await call(app, "DELETE", `/v1/keys/${keyId}`, ROOT)).toMatchObject({
    status: 200,
    body: { status: "revoked" },
  });
  for (const old of [secret, rotated.body.secret]) {
    expect(await call(app, "GET", "/v1/audit/keys", old)).toMatchObject({
      status: 401,
      body: { error: { message: "the key was revoked" } },
    });
  }
  expect((await call(app, "POST", `/v1/keys/${keyId}/rotate`, ROOT)).status).toBe(409);
  expect(acts.recorded.map(({ action, target, principal }) => [action, target["key_id"], principal.name])).toEqual([
    ["key.create", keyId, "RUNLEDGER_API_KEY"],
    ["key.rotate", keyId, "RUNLEDGER_API_KEY"],
    ["key.revoke", keyId, "RUNLEDGER_API_KEY"],
  ]);
  expect(JSON.stringify(acts.recorded)).not.toContain("rlk_");
});

test("no key is made when that can't be recorded", async () => {
  const app = await start({ apiKey: ROOT });
  acts.refuse(true);
  expect((await call(app, "POST", "/v1/keys", ROOT, { name: "ann", roles: ["viewer"] })).status).toBe(503);
  expect((await call(app, "GET", "/v1/keys", ROOT)).body.items).toEqual([]);
});

test("the first key is an admin's of all tenants, and the last of these can't be revoked: nobody is locked out", async () => {
  const app = await start();
  for (const key of [
    { name: "ann", roles: ["viewer"], tenant: "*" },
    { name: "ann", roles: ["admin"] },
    { name: "ann", roles: ["admin"], tenant: "*", expires_time: "2100-01-01T00:00:00Z" },
  ]) {
    expect(await call(app, "POST", "/v1/keys", null, key)).toMatchObject({
      status: 409,
      body: { error: { code: "conflict" } },
    });
  }
  expect(acts.recorded).toEqual([]);
  const first = await newKey(app, null, { name: "ann", roles: ["admin"], tenant: "*" });
  expect((await call(app, "GET", "/v1/keys", null)).status).toBe(401);
  expect((await call(app, "DELETE", `/v1/keys/${first.keyId}`, first.secret)).status).toBe(409);
  const second = await newKey(app, first.secret, { name: "bob", roles: ["admin"], tenant: "*" });
  expect((await call(app, "DELETE", `/v1/keys/${first.keyId}`, second.secret)).status).toBe(200);
});

test("an admin of one tenant sees and changes that tenant's keys alone", async () => {
  const app = await start({ apiKey: ROOT });
  const other = await newKey(app, ROOT, { name: "other", roles: ["viewer"], tenant: "umbrella" });
  const every = await newKey(app, ROOT, { name: "every", roles: ["viewer"], tenant: "*" });
  const { secret } = await newKey(app, ROOT, { name: "acme admin", roles: ["admin"], tenant: "acme" });
  await newKey(app, secret, { name: "mine", roles: ["ingest"] });
  const names = (await call(app, "GET", "/v1/keys", secret)).body.items.map(({ name }: { name: string }) => name);
  expect(names).toEqual(["acme admin", "mine"]);
  for (const { keyId } of [other, every]) {
    expect((await call(app, "DELETE", `/v1/keys/${keyId}`, secret)).status).toBe(404);
    expect((await call(app, "POST", `/v1/keys/${keyId}/rotate`, secret)).status).toBe(404);
  }
  for (const tenant of ["umbrella", "*"]) {
    expect((await call(app, "POST", "/v1/keys", secret, { name: "x", roles: ["viewer"], tenant })).status).toBe(403);
  }
});

test.each([
  [{ name: "", roles: ["viewer"] }, "name"],
  [{ name: "x", roles: [] }, "roles"],
  [{ name: "x", roles: ["root"] }, "roles.0"],
  [{ name: "x", roles: ["viewer"], tenant: "../up" }, "tenant"],
  [{ name: "x", roles: ["viewer"], expires_time: "2001-01-01T00:00:00Z" }, "expires_time"],
  [{ name: "x", roles: ["viewer"], colour: "red" }, "colour"],
])("a bad key %j is refused by the name of its field", async (key, field) => {
  const { status, body } = await call(await start({ apiKey: ROOT }), "POST", "/v1/keys", ROOT, key);
  expect(status).toBe(400);
  expect(body.error.details).toMatchObject([{ field }]);
});

test("guesses are held up, who has a right key is not", async () => {
  const app = await start({ apiKey: ROOT });
  const guess = () =>
    call(app, "GET", "/v1/audit/keys", "rlk_0000000000000000_0000000000000000000000000000000000000000000");
  const answers: number[] = [];
  for (let i = 0; i < 40; i++) answers.push((await guess()).status);
  expect(answers[0]).toBe(401);
  expect(answers.at(-1)).toBe(429);
  expect((await call(app, "GET", "/v1/audit/keys", ROOT)).status).toBe(200);
  expect((await call(app, "GET", "/v1/audit/keys", null)).status).toBe(401);
});

test("who asks too often is told so, others at the same address are not", async () => {
  const app = await start({ apiKey: ROOT, requestsPerMinute: 3 });
  const [ann, bob] = [
    await newKey(app, ROOT, { name: "ann", roles: ["viewer"] }),
    await newKey(app, ROOT, { name: "bob", roles: ["viewer"] }),
  ];
  const ask = async (key: string) => (await call(app, "GET", "/v1/audit/keys", key)).status;
  const answers: number[] = [];
  for (let i = 0; i < 4; i++) answers.push(await ask(ann.secret));
  expect(answers).toEqual([200, 200, 200, 429]);
  expect(await ask(bob.secret)).toBe(200);
});

test("on a public address it does not start without a key, and does with one", async () => {
  await expect(start({ host: "0.0.0.0" })).rejects.toThrow(/no key, so only loopback is served, not 0\.0\.0\.0/);
  const loopback = await start();
  await newKey(loopback, null, { name: "ann", roles: ["admin"], tenant: "*" });
  await start({ host: "0.0.0.0" });
});

test("an act on a key is in the trail of the key's tenant, whoever acts", async () => {
  const app = await start({ apiKey: ROOT });
  const { keyId } = await newKey(app, ROOT, { name: "theirs", roles: ["viewer"], tenant: "acme" });
  await call(app, "POST", `/v1/keys/${keyId}/rotate`, ROOT);
  await call(app, "DELETE", `/v1/keys/${keyId}`, ROOT);
  await newKey(app, ROOT, { name: "every", roles: ["viewer"], tenant: "*" });
  expect(acts.recorded.map(({ action, principal: { name, tenant } }) => [action, name, tenant])).toEqual([
    ["key.create", "RUNLEDGER_API_KEY", "acme"],
    ["key.rotate", "RUNLEDGER_API_KEY", "acme"],
    ["key.revoke", "RUNLEDGER_API_KEY", "acme"],
    ["key.create", "RUNLEDGER_API_KEY", "default"],
  ]);
});

test("who waits to be told of kills and loses its key meanwhile is told nothing", async () => {
  const app = await start({ apiKey: ROOT });
  const { secret, keyId } = await newKey(app, ROOT, { name: "agents", roles: ["ingest"] });
  const { cursor } = (await call(app, "GET", "/v1/control?wait_ms=0", secret)).body;
  const answer = call(app, "GET", `/v1/control?cursor=${cursor}&wait_ms=20000`, secret);
  await new Promise((resolve) => setTimeout(resolve, 200));
  await call(app, "DELETE", `/v1/keys/${keyId}`, ROOT);
  await call(app, "POST", "/v1/kill", ROOT, { scope: { all: true }, reason: "it loops" });
  expect(await answer).toMatchObject({ status: 401, body: { error: { message: "the key was revoked" } } });
});

test("a rotation of the master key, done while nothing ran, is recorded once by whichever API runs", async () => {
  const notes = createRotationNotes(await openObjects(`file:${join(dir, "objects")}`));
  const note = { rotation_id: "r1", master_id: "m1", time_ms: 0, by: "root (system user)", reason: "yearly" };
  await notes.update(() => [{ ...note, recorded: false }]);
  acts.refuse(true);
  const before = await start();
  await before.listen({ port: 0 });
  await before.close();
  expect((await notes.read()).map(({ recorded }) => recorded)).toEqual([false]);
  acts.refuse(false);
  await Promise.all((await Promise.all([start(), start()])).map((app) => app.listen({ port: 0 })));
  await vi.waitFor(async () => expect((await notes.read())[0]?.recorded).toBe(true), { timeout: 20_000 });
  await (await start()).listen({ port: 0 });
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(acts.recorded).toMatchObject([
    {
      ...{
        action: "master_key.rotate",
        reason: "yearly",
        principal: { name: "root (system user)", tenant: "default" },
      },
      target: { rotation_id: "r1", master_id: "m1", time: "1970-01-01T00:00:00.000000000Z" },
    },
  ]);
});

test("an open stream ends with the secret that opened it: revoked, rotated, or when an overlap or the key is over", async () => {
  const app = await start({ apiKey: ROOT });
  const url = await app.listen({ port: 0 });
  const follow = async (secret: string) => {
    const stream = { status: 0, ended: false };
    const response = await fetch(`${url}/v1/live`, { headers: { authorization: `Bearer ${secret}` } });
    stream.status = response.status;
    void response.text().then(() => {
      stream.ended = true;
    });
    return stream;
  };
  const viewer = (key: object = {}) => newKey(app, ROOT, { name: "ann", roles: ["viewer"], ...key });
  const rotate = async (keyId: string, overlap_seconds: number) =>
    String((await call(app, "POST", `/v1/keys/${keyId}/rotate`, ROOT, { overlap_seconds })).body.secret);
  const [revoked, rotated, overlapping] = [await viewer(), await viewer(), await viewer()];
  const expires_time = new Date(Date.now() + DAY_MS).toISOString();
  const expiring = await viewer({ expires_time });
  const ending = await Promise.all([revoked, rotated, overlapping, expiring].map(({ secret }) => follow(secret)));
  const staying = await follow(await rotate(rotated.keyId, 0));
  await rotate(overlapping.keyId, 3_600);
  await call(app, "DELETE", `/v1/keys/${revoked.keyId}`, ROOT);
  aheadMs = DAY_MS;
  await vi.waitFor(() => expect(ending).toEqual(ending.map(() => ({ status: 200, ended: true }))), { timeout: 25_000 });
  expect(staying).toEqual({ status: 200, ended: false });
}, 40_000);
