import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROLES, type Role } from "@runledger/contract";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import { type ApiUnderTest, startApiUnderTest } from "../testing/api-under-test.ts";
import { publishSmallLog, recordOf, writePack } from "../testing/small-log.ts";
import { at, llmRow, stepRow, toolRow } from "../testing/step-rows.ts";

/** Two tenants, each with the same kinds of things. Whatever holds SECRET is acme's, and `ours` must never see it. */
const ROOT = "a key of enough characters";
const SECRET = "acme-secret-7f3a";
const RUN = "run-of-acme";
const APPROVAL = "0123456789abcdef0123456789abcdef";
const step = llmRow(RUN, SECRET, {
  tenant: "acme",
  start_time: at(10),
  agent_name: SECRET,
  input_preview: SECRET,
  output_preview: SECRET,
});
const ours = llmRow("run-of-ours", "ours", {
  tenant: "ours",
  start_time: at(10),
  agent_name: "ours",
  input_preview: "preview-of-ours",
  output_preview: "preview-of-ours",
});
/** The record of a run as a whole. */
const ourRoot = stepRow("whole-run", "root", {
  ...{ tenant: "ours", event: "run_end", start_time: at(5), end_time: at(15), end_status: "completed" },
  input_preview: "preview-of-root-of-ours",
});
const QUOTED = "message-that-quotes-a-content";
const failure = { status: "error", error_type: "Refused", error_message: QUOTED } as const;
const failed = [
  toolRow("run-that-failed", "pay", { tenant: "ours", start_time: at(20), ...failure }),
  stepRow("run-that-failed", "end", {
    ...{ tenant: "ours", start_time: at(30), event: "run_end", end_status: "failed", end_reason: QUOTED, ...failure },
  }),
  // Of this run only the tool has a message.
  toolRow("run-whose-tool-failed", "pay", { tenant: "ours", start_time: at(20), ...failure }),
];

const document = z.object({
  paths: z.record(
    z.string(),
    z.record(
      z.string(),
      z.looseObject({ "x-role": z.enum(ROLES).optional(), "x-every-tenant": z.boolean().optional() }),
    ),
  ),
});
type Method = "GET" | "POST" | "DELETE";
interface Route {
  method: Method;
  path: string;
  role: Role | undefined;
  everyTenant: boolean;
}

let api: ApiUnderTest;
let exportsDir: string;
let routes: Route[];
const keys = new Map<string, string>();
let ids: Record<string, string>;

beforeAll(async () => {
  exportsDir = await mkdtemp(join(tmpdir(), "tenants-"));
  api = await startApiUnderTest({ apiKey: ROOT, exportsDir, requestsPerMinute: 1_000_000, liveMaxClients: 4 });
  await api.rows.insert("steps", [step, ours, ourRoot, ...failed], "seed");
  const payloads = await writePack(api.objects, { system_prompt: JSON.stringify(SECRET) }, { history: [], added: [] });
  await api.rows.insert("log_entries", await publishSmallLog(api.objects, [recordOf(step, { payloads })]), "log");
  const { paths } = document.parse((await ask(ROOT, "GET", "/openapi.json")).body);
  routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { "x-role": role, "x-every-tenant": everyTenant = false }]) => ({
      method: z.enum(["GET", "POST", "DELETE"]).parse(method.toUpperCase()),
      path,
      role,
      everyTenant,
    })),
  );
  for (const role of ROLES) keys.set(role, await newKey({ name: role, roles: [role], tenant: "ours" }));
  const acme = await newKey({ name: SECRET, roles: ["admin"], tenant: "acme" });
  const kill = await ask(acme, "POST", "/v1/kill", { scope: { agent: SECRET }, reason: SECRET });
  await ask(acme, "POST", "/v1/approvals", {
    approval_id: APPROVAL,
    run_id: RUN,
    tool: SECRET,
    arguments: `{"a":"${SECRET}"}`,
    timeout_ms: 600_000,
  });
  await ask(acme, "POST", "/v1/alert-rules", { rule: "loop.repeat", threshold: 77 });
  const made = await ask(acme, "POST", "/v1/exports", { recipient: SECRET, reason: SECRET });
  const hold = await ask(acme, "POST", "/v1/holds", { scope: { run_id: RUN }, reason: SECRET });
  const ownKeys = await ask(acme, "GET", "/v1/keys");
  const [key] = z.object({ items: z.array(z.object({ key_id: z.string() })) }).parse(ownKeys.body).items;
  ids = {
    run_id: RUN,
    step_id: step.step_id,
    kill_id: z.object({ kill_id: z.string() }).parse(kill.body).kill_id,
    approval_id: APPROVAL,
    hold_id: z.object({ hold_id: z.string() }).parse(hold.body).hold_id,
    export_id: z.object({ export_id: z.string() }).parse(made.body).export_id,
    key_id: key?.key_id ?? "",
    alert_id: "0".repeat(32),
    "*": "log/0/checkpoint",
  };
});
afterAll(async () => {
  await api.close();
  await rm(exportsDir, { recursive: true, force: true });
});

async function ask(key: string, method: Method, url: string, payload?: object, headers: Record<string, string> = {}) {
  const response = await api.app.inject({
    method,
    url,
    headers: { authorization: `Bearer ${key}`, ...headers },
    ...(payload === undefined ? {} : { payload }),
  });
  return {
    status: response.statusCode,
    text: response.body,
    body: response.headers["content-type"]?.includes("json") ? response.json() : null,
  };
}

async function newKey(key: object): Promise<string> {
  return z.object({ secret: z.string() }).parse((await ask(ROOT, "POST", "/v1/keys", key)).body).secret;
}

/** A request that the route would answer acme; streams that never end are asked for runs that are not there. */
function requestTo({ method, path }: Route): { url: string; payload: object | undefined } {
  const url = path.replaceAll(/\{([^}]+)\}/g, (_, name: string) => {
    const id = ids[name];
    if (id === undefined) throw new Error(`${method} ${path}: say in this test what {${name}} is`);
    return id;
  });
  return { url: `${url}${QUERIES[path] ?? ""}`, payload: method === "POST" ? (BODIES[path] ?? {}) : undefined };
}

const QUERIES: Record<string, string> = {
  "/v1/usage": "?group_by=agent",
  "/v1/audit/proof": `?record_id=${step.record_id}`,
  "/v1/control": "?wait_ms=0",
};
/** Of what every tenant may do within itself: a body that it takes. */
const BODIES: Record<string, object> = {
  "/v1/kill": { scope: { run_id: RUN }, reason: "x" },
  "/v1/approvals": { approval_id: "f".repeat(32), run_id: RUN, tool: "x", timeout_ms: 1_000 },
  "/v1/exports": { recipient: "x", reason: "x" },
  "/v1/erasures": { subject: { run_id: RUN }, reason: "x" },
  "/v1/holds": { scope: { run_id: RUN }, reason: "x" },
  "/v1/keys": { name: "x", roles: ["viewer"], tenant: "acme" },
  "/v1/alerts/{alert_id}/silence": { until: "2026-01-03T00:00:00Z" },
};
/** It never ends, so nothing can be injected; `live.test.ts` looks at what it tells. */
const STREAMS = ["/v1/live"];

test("acme sees its own, so what the others must not see is there", async () => {
  const acme = await newKey({ name: "acme", roles: ["admin"], tenant: "acme" });
  for (const url of [
    `/v1/runs`,
    "/v1/usage?group_by=agent",
    `/v1/runs/${RUN}/steps`,
    `/v1/runs/${RUN}/steps/${step.step_id}`,
    "/v1/kill",
    "/v1/approvals",
    `/v1/approvals/${APPROVAL}`,
    "/v1/keys",
    "/v1/exports",
    "/v1/holds",
  ]) {
    expect((await ask(acme, "GET", url)).text, url).toContain(SECRET);
  }
  expect((await ask(acme, "GET", `/v1/audit/proof?record_id=${step.record_id}`)).status).toBe(200);
  expect((await ask(acme, "GET", "/v1/alert-rules")).text).toContain("77");
});

test("no route tells an admin of one tenant anything of another's", async () => {
  const key = keys.get("admin") ?? "";
  for (const route of routes.filter(({ path }) => path.startsWith("/v1/") && !STREAMS.includes(path))) {
    const { url, payload } = requestTo(route);
    for (const headers of [{}, { "runledger-tenant": "acme" }] as Record<string, string>[]) {
      const { status, text } = await ask(key, route.method, url, payload, headers);
      expect(text, `${route.method} ${url}`).not.toContain(SECRET);
      expect(text, `${route.method} ${url}`).not.toContain('"threshold":77');
      const named = route.path.includes("{") || route.path === "/v1/audit/proof";
      if (named) expect([403, 404], `${route.method} ${url} answered ${status}: ${text}`).toContain(status);
      if ("runledger-tenant" in headers) expect(status, `${route.method} ${url} as another tenant`).toBe(403);
    }
  }
});

test("what tells of every tenant takes a key of every tenant", async () => {
  const wide = routes.filter(({ everyTenant }) => everyTenant);
  expect(wide.map(({ path }) => path)).toEqual(
    expect.arrayContaining(["/v1/audit/tile/{*}", "/v1/audit/objects/{*}", "/metrics"]),
  );
  const every = await newKey({ name: "every", roles: ["auditor"], tenant: "*" });
  for (const route of wide) {
    const { url } = requestTo(route);
    expect((await ask(keys.get("admin") ?? "", route.method, url)).status, url).toBe(403);
    expect((await ask(every, route.method, url)).status, url).not.toBe(403);
  }
});

test("every route below /v1 asks for a role, and each key is let in by its role alone", async () => {
  const below = routes.filter(({ path }) => path.startsWith("/v1/"));
  expect(below.filter(({ role }) => role === undefined)).toEqual([]);
  for (const route of below.filter(({ path, everyTenant }) => !STREAMS.includes(path) && !everyTenant)) {
    const { url, payload } = requestTo(route);
    for (const role of ROLES) {
      const { status, text } = await ask(keys.get(role) ?? "", route.method, url, payload);
      const refused = status === 403 && text.includes("takes the role");
      const may = role === "admin" || role === route.role || (route.role === "viewer" && role !== "ingest");
      expect(refused, `${role} at ${route.method} ${url}: ${status} ${text}`).toBe(!may);
    }
  }
});

test("docs/access.md names every route in the row of its role", async () => {
  const page = await readFile(new URL("../../../docs/access.md", import.meta.url), "utf8");
  for (const { method, path, role } of routes.filter((route) => route.role !== undefined)) {
    const row = page.split("\n").find((line) => line.startsWith(`| \`${role}\` |`));
    expect(row, role).toContain(`\`${method} ${path}\``);
  }
});

test("who may not see content gets no previews, and no hits of a search in them", async () => {
  const steps = (role: string) => ask(keys.get(role) ?? "", "GET", "/v1/runs/run-of-ours/steps");
  const search = (role: string) => ask(keys.get(role) ?? "", "GET", "/v1/runs?q=preview-of&since=2026-01-01T00:00:00Z");
  expect((await steps("investigator")).text).toContain("preview-of-ours");
  expect((await search("investigator")).text).toContain("run-of-ours");
  const q_sha256 = createHash("sha256").update("preview-of").digest("hex");
  // A hit tells of contents, so it is a read of them; the words themselves would stay in the log for ever.
  expect(api.acts.recorded.at(-1)).toMatchObject({ action: "content.read", target: { part: "search", q_sha256 } });
  const run = (role: string) => ask(keys.get(role) ?? "", "GET", "/v1/runs/whole-run");
  expect((await run("investigator")).text).toContain("preview-of-root-of-ours");
  const target = { run_id: "whole-run", part: "previews" };
  expect(api.acts.recorded.at(-1)).toMatchObject({ action: "content.read", target });
  for (const role of ["viewer", "auditor", "operator"]) {
    const seen = await steps(role);
    expect(seen.status).toBe(200);
    expect(seen.text).not.toContain("preview-of-ours");
    expect((await search(role)).text).not.toContain("run-of-ours");
    expect((await run(role)).text).toContain('"name":"root"');
    expect((await run(role)).text).not.toContain("preview-of-root");
    expect((await ask(keys.get(role) ?? "", "GET", `/v1/runs/whole-run/steps/${ourRoot.step_id}`)).status).toBe(403);
  }
  const approval = { approval_id: "e".repeat(32), run_id: "run-of-ours", tool: "pay", question: "question-of-ours" };
  await ask(keys.get("ingest") ?? "", "POST", "/v1/approvals", { ...approval, timeout_ms: 600_000 });
  const before = api.acts.recorded.length;
  for (const url of ["/v1/approvals", `/v1/approvals/${approval.approval_id}`])
    for (const role of ["viewer", "auditor", "operator", "investigator"]) {
      const { text } = await ask(keys.get(role) ?? "", "GET", url);
      // Who answers must know what is asked.
      expect([role, text.includes("question-of-ours")]).toEqual([role, role === "operator" || role === "investigator"]);
    }
  await ask(keys.get("investigator") ?? "", "GET", "/v1/runs?agent=ours");
  const { question: _, ...asked } = approval;
  expect(api.acts.recorded.slice(before).map((act) => [act.action, act.principal.name, act.target])).toEqual([
    ["content.read", "operator", { part: "questions" }],
    ["content.read", "investigator", { part: "questions" }],
    ["content.read", "operator", { ...asked, part: "questions" }],
    ["content.read", "investigator", { ...asked, part: "questions" }],
  ]);
  api.acts.refuse(true);
  const unrecorded = await ask(keys.get("investigator") ?? "", "GET", "/v1/runs?q=preview-of-ours");
  api.acts.refuse(false);
  expect([unrecorded.status, unrecorded.text.includes("run-of-ours")]).toEqual([200, false]);
});

test("who may not see content gets the type of an error, and not its message", async () => {
  const message = (role: string, text: string) => [role, text.includes("Refused"), text.includes(QUOTED)];
  for (const role of ["investigator", "viewer", "auditor", "operator"]) {
    const key = keys.get(role) ?? "";
    for (const url of [
      "/v1/runs",
      "/v1/runs/run-that-failed",
      "/v1/runs/run-whose-tool-failed",
      "/v1/runs/run-that-failed/steps",
    ]) {
      const { text } = await ask(key, "GET", url);
      expect([url, ...message(role, text)]).toEqual([url, role, true, role === "investigator"]);
    }
    for (const url of ["/v1/live", "/v1/runs/run-that-failed/live"])
      expect([url, ...message(role, await heard(key, url))]).toEqual([url, role, true, role === "investigator"]);
    const { text } = await ask(key, "GET", `/v1/runs?q=${QUOTED}&since=2026-01-01T00:00:00Z`);
    expect(text).not.toContain("run-that-failed");
  }
});

test("messages of errors in lists, a run and the stream of all runs are reads of content: recorded, or not shown", async () => {
  const key = keys.get("investigator") ?? "";
  const read = async (url: string) => {
    const before = api.acts.recorded.length;
    // A reason of its own, so that it is no read of a moment ago again.
    const { status, text } = await ask(key, "GET", url, undefined, { "runledger-reason": `${url} ${Math.random()}` });
    const acts = api.acts.recorded.slice(before).map(({ action, target }) => ({ action, target }));
    return { status, isShown: text.includes(QUOTED), acts };
  };
  const errors = (more: object) => ({ action: "content.read", target: { part: "errors", ...more } });
  expect(await read("/v1/runs")).toEqual({ status: 200, isShown: true, acts: [errors({})] });
  const ofRun = [errors({ run_id: "run-that-failed" })];
  expect(await read("/v1/runs/run-that-failed")).toEqual({ status: 200, isShown: true, acts: ofRun });
  expect(await read("/v1/runs?status=running")).toEqual({ status: 200, isShown: false, acts: [] });
  expect(await read("/v1/runs/run-of-ours")).toEqual({ status: 200, isShown: false, acts: [] });
  api.clock.nowMs += 61_000;
  const before = api.acts.recorded.length;
  expect(await heard(key, "/v1/live")).toContain(QUOTED);
  expect(api.acts.recorded.slice(before)).toMatchObject([errors({})]);
  api.acts.refuse(true);
  const unrecorded = [await read("/v1/runs"), await read("/v1/runs/run-that-failed")];
  api.acts.refuse(false);
  for (const { status, isShown } of unrecorded) expect([status, isShown]).toEqual([200, false]);
  // A collector that hangs holds up nobody who looks for the reason.
  const hanging = vi.spyOn(api.acts, "record").mockReturnValue(new Promise(() => undefined));
  expect(await read("/v1/runs")).toMatchObject({ status: 200, isShown: false });
  hanging.mockRestore();
});

/** What a stream tells first of what failed. */
async function heard(key: string, path: string): Promise<string> {
  const { port } = z.object({ port: z.number() }).parse(api.app.server.address() ?? (await listening()));
  const aborted = new AbortController();
  const headers = { authorization: `Bearer ${key}`, "last-event-id": "0" };
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers, signal: aborted.signal });
  let text = "";
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk;
    const events = text
      .split("\n\n")
      .filter((event) => event.includes("run-that-failed") || event.includes("event: step"));
    if (path === "/v1/live" ? events.length > 0 : events.some((event) => event.includes("event: step"))) break;
  }
  aborted.abort();
  return text;
}

async function listening(): Promise<unknown> {
  await api.app.listen({ port: 0 });
  return api.app.server.address();
}
