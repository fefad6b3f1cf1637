import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type ApiUnderTest, startApiUnderTest } from "../testing/api-under-test.ts";
import { llmRow, stepRow } from "../testing/step-rows.ts";

const WHY = "ticket 7: Prüfung, 検査";
const header = { "runledger-reason": Buffer.from(WHY).toString("latin1") };
const query = `reason=${encodeURIComponent(WHY)}`;
const call = llmRow("r1", "call");
const STEP = `/v1/runs/r1/steps/${call.step_id}`;
const STREAMS = ["/v1/live", "/v1/runs/r1/live"];

let api: ApiUnderTest;
let url: string;

beforeAll(async () => {
  api = await startApiUnderTest({ requireReason: true });
  const failed = { error_type: "Boom", error_message: "it broke over SECRET" };
  await api.rows.insert("steps", [call, stepRow("r1", "end", { event: "run_end", status: "failed", ...failed })], "r1");
  url = await api.app.listen({ host: "127.0.0.1", port: 0 });
});
afterAll(() => api.close());
beforeEach(() => {
  api.acts.recorded.length = 0;
});

test.each([STEP, "/v1/runs/r1/steps", "/v1/runs?q=secret", ...STREAMS])(
  "%s without a reason, or with spaces for one, is refused with what to do",
  async (path) => {
    for (const headers of [{}, { "runledger-reason": "  " }]) {
      const { statusCode, json } = await api.app.inject({ url: path, headers });
      expect(statusCode).toBe(400);
      expect(json().error).toMatchObject({
        code: "invalid_argument",
        hint: expect.stringContaining("Runledger-Reason"),
        details: [{ field: "Runledger-Reason", message: expect.stringContaining("say why") }],
      });
    }
    expect(api.acts.recorded).toEqual([]);
  },
);

test.each([STEP, "/v1/runs/r1/steps", "/v1/runs?q=secret"])("%s is answered for a reason, on record", async (path) => {
  expect((await api.app.inject({ url: path, headers: header })).statusCode).toBe(200);
  expect(api.acts.recorded.map(({ reason }) => reason)).toContain(WHY);
});

test("an event stream takes its reason in the query, where a browser's can tell it", async () => {
  for (const path of STREAMS) {
    const stop = new AbortController();
    const { status } = await fetch(`${url}${path}?${query}`, { signal: stop.signal });
    stop.abort();
    expect(status).toBe(200);
  }
  expect(api.acts.recorded.map(({ reason }) => reason)).toEqual([WHY, WHY]);
});

test("what is no read of content takes no reason", async () => {
  expect((await api.get("/v1/usage")).status).toBe(200);
  expect((await api.get("/v1/acts")).status).toBe(200);
  expect((await api.get("/v1/approvals?questions=false")).status).toBe(200);
  await api.dependencies.acts.record({
    action: "settings.change",
    principal: { keyId: null, name: "root", roles: new Set(), tenant: "default", everyTenant: false },
    reason: null,
    target: {},
  });
});
