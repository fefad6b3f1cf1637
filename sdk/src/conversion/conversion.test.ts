import { GEN_AI, RUNLEDGER } from "@runledger/contract";
import { expect, test } from "vitest";
import { completion } from "../testing/model-server.ts";
import { createConversion } from "./conversion.ts";
import type { RawModelCall } from "./raw-model-call.ts";
import type { Batch, RawRecord, Tails } from "./raw-record.ts";

const conversion = (cover = {}) =>
  createConversion({
    ...{ serviceName: "test", host: "here", pid: 1 },
    cover: { content: "full", key: "a key for tests only", rules: [], countries: ["US"], ...cover },
  });

function record(run: number, seq: number, more: Partial<RawRecord> = {}): RawRecord {
  const context = { traceId: String(run).repeat(32), spanId: `${run}${seq}`.padStart(16, "0"), traceFlags: 1 };
  const attributes = { [RUNLEDGER.runSeq]: seq, [RUNLEDGER.stepReason]: `mail ann${seq}@example.com` };
  const times = { startTime: 1_700_000_000_000.25 + seq, endTime: 1_700_000_000_001.5 + seq };
  return { run, name: "step", kind: 0, context, parent: undefined, ...times, status: { code: 0 }, attributes, ...more };
}

const asked = { model: "gpt-4o", messages: [{ role: "user", content: "Hello" }] };
function call(more: Partial<RawModelCall> = {}): RawModelCall {
  const answer = Buffer.from(JSON.stringify(completion("Grüße"))).toString("latin1");
  return {
    ...{ url: "http://127.0.0.1:1/v1/chat/completions", provider: "openai", attempt: 1, status: 200, headers: [] },
    ...{ request: JSON.stringify(asked), answer, answerBytes: answer.length, firstByteSeconds: 0.1, error: undefined },
    ...more,
  };
}

const RECORDS = [
  record(1, 0),
  record(2, 0),
  record(1, 1, { modelCall: call() }),
  record(2, 1),
  record(1, 2, { attributes: { [RUNLEDGER.runSeq]: 2, [RUNLEDGER.event]: "run_end" } }),
];

for (const content of ["full", "redacted", "hashes"]) {
  test(`the same records give the same spans and ids, however they are batched, with content ${content}`, () => {
    const whole = conversion({ content })({ records: RECORDS, tails: [] });
    const inParts = conversion({ content });
    let tails: Tails = [];
    const spans = RECORDS.flatMap((one) => {
      const part = inParts({ records: [one], tails });
      tails = part.tails;
      return part.spans;
    });
    const told = (all: typeof spans) => all.map(({ name, status, attributes }) => ({ name, status, attributes }));
    expect(told(spans)).toEqual(told(whole.spans));
    expect(new Map(tails)).toEqual(new Map(whole.tails));
    const prevs = whole.spans.map(({ attributes }) => attributes[RUNLEDGER.runPrev]);
    expect(prevs.map((prev) => typeof prev)).toEqual(["undefined", "undefined", "string", "string", "string"]);
    expect(new Set(prevs).size).toBe(4);
    // Once more, from what was there before: as after a thread that died.
    expect(told(conversion({ content })({ records: RECORDS.slice(2), tails: tailsAfterTwo(content) }).spans)).toEqual(
      told(whole.spans).slice(2),
    );
  });
}
const tailsAfterTwo = (content: string) => conversion({ content })({ records: RECORDS.slice(0, 2), tails: [] }).tails;

test("what was converted on the agent's thread goes out as it is, and the next one names it", () => {
  const id = "f".repeat(64);
  const batch: Batch = { records: [record(1, 0, { made: { id } }), record(1, 1)], tails: [] };
  const { spans, told } = conversion({ content: "redacted" })(batch);
  expect(spans[0]?.attributes[RUNLEDGER.stepReason]).toBe("mail ann0@example.com");
  expect(spans[1]?.attributes[RUNLEDGER.runPrev]).toBe(id);
  expect(told.found).toEqual({ email: 1 });
});

test("a model call whose bodies can't be read is recorded as it came, and each failure is counted", () => {
  const unreadable = call({ request: "no json", answer: "{broken", headers: [["content-encoding", "identity"]] });
  const { spans, told } = conversion()({ records: [record(1, 0, { modelCall: unreadable })], tails: [] });
  expect(spans[0]?.name).toBe("chat");
  expect(spans[0]?.attributes).toMatchObject({ [RUNLEDGER.rawResponse]: "{broken", [GEN_AI.providerName]: "openai" });
  expect(told.failures.map(({ kind }) => kind)).toEqual(["capture", "capture"]);
});

test("what fails in the conversion itself costs the content, never the record", () => {
  // A country that nobody knows is a fault that only looking through shows.
  const failing = conversion({ content: "redacted", countries: ["XX"] });
  const { spans, tails, told } = failing({ records: [record(1, 0), record(1, 1)], tails: [] });
  expect(spans.map(({ attributes }) => attributes[RUNLEDGER.runSeq])).toEqual([0, 1]);
  expect(JSON.stringify(spans.map(({ attributes }) => attributes))).not.toContain("example.com");
  expect(spans[1]?.attributes).toMatchObject({
    [RUNLEDGER.redactionFailed]: ["conversion"],
    [RUNLEDGER.runPrev]: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  expect(tails).toHaveLength(1);
  expect(told.failures.map(({ kind }) => kind)).toEqual(["redaction", "redaction"]);
});
