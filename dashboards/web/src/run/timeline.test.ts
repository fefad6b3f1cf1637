import type { Step } from "@runledger/contract";
import { describe, expect, it } from "vitest";
import { addressOf, axisMarks, createTimeline, findRow } from "./timeline.ts";

const START = "2026-11-20T10:00:00.000000000Z";

function step(seq: number, change: Partial<Step> = {}): Step {
  return {
    seq,
    step_id: `s${seq}`,
    parent_id: null,
    kind: "other",
    operation: null,
    name: `step ${seq}`,
    start_time: `2026-11-20T10:00:0${seq % 10}.000000000Z`,
    latency_ms: 500,
    status: "ok",
    error: null,
    record_id: `r${seq}`,
    shown_by: null,
    conflict: false,
    input_preview: "",
    output_preview: "",
    llm: null,
    tool: null,
    ...change,
  };
}

function call(seq: number, name: string, argumentsHash: string | null): Step {
  return step(seq, {
    kind: "tool",
    tool: {
      name,
      call_id: null,
      requested_by: null,
      arguments_sha256: argumentsHash,
      result_sha256: null,
      result_bytes: null,
      attempt: null,
      idempotency_key: null,
      known: null,
      valid: null,
      inferred: false,
      counted: true,
      same_call_as: null,
      same_call_in: null,
    },
  });
}

const order = (steps: Step[]) => createTimeline(steps, START).rows.map((row) => [row.step.seq, row.depth]);

describe("timeline", () => {
  it("puts steps below their parents, in the order of seq", () => {
    const steps = [step(1), step(2), step(3, { parent_id: "s1" }), step(4, { parent_id: "s3" })];
    expect(order(steps)).toEqual([
      [1, 0],
      [3, 1],
      [4, 2],
      [2, 0],
    ]);
  });

  it("reads a parent that is not there as none, and keeps each step of a circle once", () => {
    const steps = [step(1, { parent_id: "gone" }), step(2, { parent_id: "s3" }), step(3, { parent_id: "s2" })];
    expect(order(steps).map(([seq]) => seq)).toEqual([1, 2, 3]);
  });

  it("nests deeper than calls could", () => {
    const steps = Array.from({ length: 50_000 }, (_, index) => step(index + 1, { parent_id: `s${index}` }));
    expect(createTimeline(steps, START).rows.at(-1)?.depth).toBe(49_999);
  });

  it("counts calls of the same tool with the same arguments, and nothing else", () => {
    const steps = [
      call(1, "a", "x"),
      call(2, "b", "x"),
      call(3, "a", "x"),
      call(4, "a", "y"),
      call(5, "c", null),
      call(6, "c", null),
    ];
    const timeline = createTimeline(steps, START);
    expect(timeline.rows.map((row) => row.repeat)).toEqual([
      { nth: 1, of: 2 },
      null,
      { nth: 2, of: 2 },
      null,
      null,
      null,
    ]);
    expect(timeline.repeats).toEqual([{ tool: "a", count: 2, firstStepId: "s1" }]);
  });

  it("spans from the run's start to the last step's end", () => {
    const { lengthMs, rows } = createTimeline([step(1), step(4)], START);
    expect([lengthMs, rows[1]?.startMs]).toEqual([4_500, 4_000]);
  });

  it("addresses versions of one step apart", () => {
    const { rows } = createTimeline([step(1), step(2, { step_id: "s1", record_id: "other", conflict: true })], START);
    const addresses = rows.map((row) => addressOf(row.step));
    expect(addresses.map((address) => findRow(rows, address))).toEqual([0, 1]);
    expect(findRow(rows, "nothing")).toBe(-1);
  });

  it.each([1, 40, 999, 6_120, 59_000, 3_000_000, 86_400_000])("marks an axis of %d ms a few times", (lengthMs) => {
    const marks = axisMarks(lengthMs);
    expect(marks.length).toBeGreaterThanOrEqual(2);
    expect(marks.length).toBeLessThanOrEqual(6);
  });
});
