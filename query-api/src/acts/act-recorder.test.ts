import { createServer, type Server } from "node:http";
import type { Principal } from "@runledger/contract";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { type Act, type ActRecorder, createActRecorder } from "./act-recorder.ts";
import { createContentReads } from "./content-reads.ts";
import { createActSender } from "./send-act.ts";

const OWN_KEY = "the key that only Runledger itself has";
const principal: Principal = {
  keyId: "k1",
  name: "ann",
  roles: new Set(["viewer", "investigator"]),
  tenant: "acme",
  everyTenant: false,
};
const act: Act = { action: "content.read", principal, reason: "ticket 7", target: { run_id: "r", step_id: "s" } };

let server: Server;
let requests: { headers: Record<string, unknown>; body: string }[];
/** What the collector answers next; the last one for ever. */
let answers: { status: number; body: object }[];
let recorder: ActRecorder;

beforeEach(async () => {
  requests = [];
  answers = [{ status: 200, body: {} }];
  server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => {
      body += chunk;
    });
    request.on("end", () => {
      requests.push({ headers: request.headers, body });
      const [answer] = answers.length > 1 ? answers.splice(0, 1) : answers;
      response.writeHead(answer?.status ?? 500).end(JSON.stringify(answer?.body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  recorder = start();
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function start(): ActRecorder {
  const { port } = z.object({ port: z.number() }).parse(server.address());
  const send = createActSender({ url: `http://127.0.0.1:${port}`, ownKey: OWN_KEY });
  return createActRecorder({
    send,
    clock: () => 1_700_000_000_000,
    random: () => 0,
    logger: { warn: () => undefined },
  });
}

function attributesOf(body: string): Record<string, unknown> {
  const [span] = JSON.parse(body).resourceSpans[0].scopeSpans[0].spans;
  return Object.fromEntries(
    span.attributes.map(({ key, value }: { key: string; value: object }) => [key, Object.values(value)[0]]),
  );
}

test("an act goes to the collector under our own key, in the tenant of who acts", async () => {
  await recorder.record(act);
  expect(requests).toHaveLength(1);
  expect(requests[0]?.headers).toMatchObject({ authorization: `Bearer ${OWN_KEY}`, "runledger-tenant": "acme" });
  expect(attributesOf(requests[0]?.body ?? "")).toEqual({
    "runledger.event": "act",
    "runledger.act.action": "content.read",
    "runledger.act.actor.key_id": "k1",
    "runledger.act.actor.name": "ann",
    "runledger.act.actor.roles": { values: [{ stringValue: "viewer" }, { stringValue: "investigator" }] },
    "runledger.act.reason": "ticket 7",
    "runledger.act.target": '{"run_id":"r","step_id":"s"}',
  });
});

test("a collector that is away for a moment gets the very same record again, so it is one", async () => {
  answers = [
    { status: 503, body: {} },
    { status: 503, body: {} },
    { status: 200, body: {} },
  ];
  await recorder.record(act);
  expect(requests).toHaveLength(3);
  expect(new Set(requests.map(({ body }) => body)).size).toBe(1);
});

test.each([
  ["away", { status: 503, body: {} }],
  ["refusing it", { status: 200, body: { partialSuccess: { rejectedSpans: "1", errorMessage: "no" } } }],
])("with the collector %s the act is refused, and says so", async (_what, answer) => {
  answers = [answer];
  await expect(recorder.record(act)).rejects.toMatchObject({
    code: "unavailable",
    message: "content.read can't be recorded just now, and what is not recorded is not done",
  });
  expect(requests.length).toBeGreaterThan(1);
});

test("a target that no entry of the log could hold is refused", async () => {
  await expect(recorder.record({ ...act, target: { text: "x".repeat(40_000) } })).rejects.toMatchObject({
    code: "invalid_argument",
  });
});

test("the same read within a minute is one act; another reason, content or reader makes one of its own", async () => {
  let nowMs = 0;
  const reads = createContentReads(recorder, () => nowMs);
  const { action: _, ...read } = act;
  await Promise.all([reads.record(read), reads.record(read)]);
  await reads.record(read);
  expect(requests).toHaveLength(1);
  await reads.record({ ...read, reason: null });
  await reads.record({ ...read, target: { ...read.target, step_id: "t" } });
  await reads.record({ ...read, principal: { ...principal, keyId: "k2" } });
  expect(requests).toHaveLength(4);
  nowMs = 60_000;
  await reads.record(read);
  expect(requests).toHaveLength(5);
});

test("a read that could not be recorded is tried anew, never taken for recorded", async () => {
  const reads = createContentReads(recorder, () => 0);
  const { action: _, ...read } = act;
  answers = [{ status: 503, body: {} }];
  await expect(reads.record(read)).rejects.toMatchObject({ code: "unavailable" });
  answers = [{ status: 200, body: {} }];
  requests = [];
  await reads.record(read);
  expect(requests).toHaveLength(1);
});
