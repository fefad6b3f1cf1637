import { canonicalJson, record } from "@runledger/contract";
import type { JournalFrame } from "@runledger/storage";
import { expect, test } from "vitest";
import { entryText } from "../audit/entry.ts";
import { isOfRun } from "../metrics/metrics-sink.ts";
import { normalizeFrame } from "./normalize-frame.ts";

const ACT = {
  "runledger.event": { stringValue: "act" },
  "runledger.act.action": { stringValue: "content.read" },
  "runledger.act.actor.key_id": { stringValue: "k1" },
  "runledger.act.actor.name": { stringValue: "ann" },
  "runledger.act.actor.roles": { arrayValue: { values: [{ stringValue: "viewer" }, { stringValue: "investigator" }] } },
  "runledger.act.reason": { stringValue: "ticket 7" },
  "runledger.act.target": { stringValue: '{"run_id":"r","10":1}' },
};

function normalized(attributes: Record<string, object>, more: Partial<JournalFrame>) {
  const span = {
    traceId: "01".repeat(16),
    spanId: "02".repeat(8),
    name: "content.read",
    startTimeUnixNano: "1700000000000000000",
    endTimeUnixNano: "1700000000000000000",
    attributes: Object.entries(attributes).map(([key, value]) => ({ key, value })),
  };
  const body = Buffer.from(JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] }));
  const frame = {
    seq: 1,
    signal: "traces",
    format: "json",
    encoding: "identity",
    tenant: "acme",
    receivedUnixNano: 1n,
    body,
  } as const;
  const [only] = normalizeFrame({ ...frame, ...more }, () => null).records;
  if (only === undefined) throw new Error("no record");
  return only;
}

test("an act that Runledger itself sent tells who did what to what and why, and belongs to no run", () => {
  const { facts, content } = normalized(ACT, { own: true });
  expect(facts).toMatchObject({
    event: "act",
    name: "content.read",
    run_id: "",
    tenant: "acme",
    dialect: "runledger",
    act: {
      action: "content.read",
      actor: { key_id: "k1", name: "ann", roles: ["viewer", "investigator"] },
      reason: "ticket 7",
      target: { run_id: "r", "10": 1 },
    },
    attributes: {},
  });
  expect(content).toEqual({});
  expect(isOfRun(facts)).toBe(false);
  const entry = { ...facts, conflict: false, payloads: {} };
  expect(record.parse(JSON.parse(entryText(entry)))).toEqual(entry);
  expect(entryText(entry)).toBe(canonicalJson(entry));
});

test("nobody else can make one: it is a step like any, with all it said kept", () => {
  const { facts } = normalized(ACT, {});
  expect(facts.event).toBe("step");
  expect(facts).not.toHaveProperty("act");
  expect(facts.run_id).toBe("01".repeat(16));
  expect(facts.attributes).toMatchObject({ "runledger.event": "act", "runledger.act.action": "content.read" });
});

test.each([
  ["without its action", { ...ACT, "runledger.act.action": { stringValue: "" } }],
  ["with a target that is no object", { ...ACT, "runledger.act.target": { stringValue: "[1]" } }],
  ["with a target that is no JSON", { ...ACT, "runledger.act.target": { stringValue: "{" } }],
])("one %s is kept whole, and says why it could not be read", (_what, attributes) => {
  const { facts } = normalized(attributes, { own: true });
  expect(facts.event).toBe("step");
  expect(facts.attributes).toHaveProperty("runledger.normalize.error");
});

test("what else Runledger sends itself is read as everybody's", () => {
  const { "runledger.event": _, ...rest } = ACT;
  expect(normalized(rest, { own: true }).facts.event).toBe("step");
});
