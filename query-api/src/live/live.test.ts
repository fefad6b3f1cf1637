import { rfc3339FromUnixNano, type StepRow } from "@runledger/contract";
import { pino } from "pino";
import { Registry } from "prom-client";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { queryApiSettings } from "../config.ts";
import { type QueryApiServer, startQueryApi } from "../server.ts";
import { type ApiUnderTest, startApiUnderTest } from "../testing/api-under-test.ts";
import { llmRow, stepRow } from "../testing/step-rows.ts";

let stores: ApiUnderTest;
let server: QueryApiServer;
let inserted = 0;

beforeAll(async () => {
  stores = await startApiUnderTest();
  server = await startQueryApi(
    { ...stores.dependencies, clock: Date.now, registry: new Registry(), logger: pino({ level: "silent" }) },
    queryApiSettings.parse({ port: 0, livePollMs: 50, liveHeartbeatMs: 100, liveMaxClients: 4 }),
  );
});
afterAll(async () => {
  await server.close();
  await stores.close();
});

interface LiveEvent {
  event: string;
  id: string;
  data: Record<string, unknown>;
}

/** The machine may be busy. */
async function eventually(check: () => void): Promise<void> {
  await vi.waitFor(check, { timeout: 40_000, interval: 20 });
}

/** An open stream and what came over it. */
async function follow(path: string, headers: Record<string, string> = {}) {
  const aborted = new AbortController();
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { headers, signal: aborted.signal });
  const events: LiveEvent[] = [];
  const state = { text: "", ended: false };
  const reading = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      state.text += decoder.decode(chunk, { stream: true });
      const blocks = state.text.split("\n\n").slice(0, -1);
      events.splice(0, events.length, ...blocks.filter((block) => block.includes("event: ")).map(parseEvent));
    }
    state.ended = true;
  })().catch(() => undefined);
  const close = async () => {
    aborted.abort();
    await reading;
  };
  return { response, events, state, close };
}

function parseEvent(block: string): LiveEvent {
  const field = (name: string) =>
    block
      .split("\n")
      .find((line) => line.startsWith(`${name}: `))
      ?.slice(name.length + 2) ?? "";
  return { event: field("event"), id: field("id"), data: JSON.parse(field("data")) };
}

function now(offsetMs = 0): Pick<StepRow, "start_time" | "end_time" | "received_time"> {
  const time = rfc3339FromUnixNano(BigInt(Date.now() + offsetMs) * 1_000_000n);
  return { start_time: time, end_time: time, received_time: time };
}

async function insert(...rows: StepRow[]): Promise<void> {
  await stores.rows.insert("steps", rows, `live ${++inserted}`);
}

function stepNames(events: LiveEvent[]): unknown[] {
  return events.filter(({ event }) => event === "step").map(({ data }) => data["name"]);
}

test("a run's stream tells the run and each new step once, with its place", async () => {
  await insert(stepRow("r1", "start", { ...now(), event: "run_start" }), llmRow("r1", "first", now()));
  const stream = await follow("/v1/runs/r1/live");
  expect(stream.response.headers.get("content-type")).toContain("text/event-stream");
  await eventually(() => expect(stepNames(stream.events)).toEqual(["first"]));
  await insert(llmRow("r1", "second", now()), llmRow("other", "not of this run", now()));
  await eventually(() => expect(stepNames(stream.events)).toEqual(["first", "second"]));
  await insert(stepRow("r1", "end", { ...now(), event: "run_end", end_status: "completed" }));
  await eventually(() =>
    expect(stream.events.at(-1)).toMatchObject({ event: "run", data: { run_id: "r1", status: "completed" } }),
  );
  expect(stream.events.filter(({ event }) => event === "step").map(({ data }) => data["seq"])).toEqual([1, 2]);
  await stream.close();
});

test("a reader that comes back with the last id gets what it missed", async () => {
  await insert(llmRow("r2", "before", now(-60_000)), llmRow("r2", "seen", now(-30_000)));
  const lastSeen = BigInt(Date.now() - 45_000) * 1_000_000n;
  const stream = await follow("/v1/runs/r2/live", { "last-event-id": lastSeen.toString() });
  await eventually(() => expect(stepNames(stream.events)).toEqual(["seen"]));
  await stream.close();
});

test("the stream of all runs tells runs as they change, and no steps", async () => {
  const stream = await follow("/v1/live");
  await insert(llmRow("r3", "one", now()));
  await eventually(() => expect(stream.events.map(({ data }) => data["run_id"])).toContain("r3"));
  await insert(llmRow("r3", "two", now()));
  await eventually(() =>
    expect(stream.events.filter(({ data }) => data["run_id"] === "r3").at(-1)?.data["steps"]).toBe(2),
  );
  expect(stepNames(stream.events)).toEqual([]);
  await stream.close();
});

test("a reader of all runs that comes back gets every run it missed, however many", async () => {
  const runIds = Array.from({ length: 450 }, (_, i) => `missed-${i}`);
  await insert(...runIds.map((runId, i) => llmRow(runId, "one", now(-120_000 + i))));
  const lastSeen = BigInt(Date.now() - 180_000) * 1_000_000n;
  const stream = await follow("/v1/live", { "last-event-id": lastSeen.toString() });
  await eventually(() =>
    expect(stream.events.map(({ data }) => data["run_id"])).toEqual(expect.arrayContaining(runIds)),
  );
  await stream.close();
});

test("steps received at one moment come once each, also when they are more than are remembered", async () => {
  const moment = now(-5_000);
  await insert(...Array.from({ length: 2_500 }, (_, i) => llmRow("r4", `step ${i}`, moment)));
  const stream = await follow("/v1/runs/r4/live");
  await eventually(() => expect(new Set(stepNames(stream.events)).size).toBe(2_500));
  await insert(llmRow("r4", "last", now()));
  await eventually(() => expect(stepNames(stream.events)).toContain("last"));
  expect(stepNames(stream.events)).toHaveLength(2_501);
  await stream.close();
});

test("a quiet stream is kept open by comments, and the number of streams is bounded", async () => {
  const streams = [await follow("/v1/live"), await follow("/v1/live")];
  const third = await follow("/v1/live");
  expect(third.response.status).toBe(503);
  const ofOther = await follow("/v1/live", { "runledger-tenant": "other" });
  expect(ofOther.response.status, "another tenant").toBe(200);
  await ofOther.close();
  await eventually(() => expect(streams[0]?.state.text).toContain("\n:\n"));
  await Promise.all([...streams, third].map((stream) => stream.close()));
});

test("the stream of a run that is not there is a 404", async () => {
  const stream = await follow("/v1/runs/nobody/live");
  expect(stream.response.status).toBe(404);
  await stream.close();
});

test("closing the server ends its streams", async () => {
  const other = await startQueryApi(
    { ...stores.dependencies, clock: Date.now, registry: new Registry(), logger: pino({ level: "silent" }) },
    queryApiSettings.parse({ port: 0 }),
  );
  const response = await fetch(`http://127.0.0.1:${other.port}/v1/live`);
  await other.close();
  expect(await response.text()).toContain("retry:");
});
