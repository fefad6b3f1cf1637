import type { Step, StepList } from "@runledger/contract";
import { describe, expect, it } from "vitest";
import { createStepStore } from "./step-store.ts";

const step = (seq: number, name = "") =>
  ({ seq, name, step_id: `s${seq}`, record_id: `r${seq}`, shown_by: null }) as Step;
const signal = new AbortController().signal;

function source(all: Step[], size: number) {
  const asked: string[] = [];
  const fetchPage = async (cursor: string): Promise<StepList> => {
    asked.push(cursor);
    const from = Number(cursor);
    return { items: all.slice(from, from + size), next_cursor: from + size < all.length ? String(from + size) : null };
  };
  return { all, asked, fetchPage };
}

describe("the steps of a run", () => {
  it("are read page by page, in order", async () => {
    const { fetchPage, asked } = source([step(1), step(2), step(3)], 2);
    const store = createStepStore(fetchPage);
    await store.load("start", signal);
    expect(asked).toEqual(["", "2"]);
    expect(store.state()).toMatchObject({ loaded: true, error: null, steps: [{ seq: 1 }, { seq: 2 }, { seq: 3 }] });
  });

  it("are read on from the last page when polled", async () => {
    const { all, fetchPage, asked } = source([step(1), step(2), step(3)], 2);
    const store = createStepStore(fetchPage);
    await store.load("start", signal);
    all.push(step(4), step(5));
    await store.load("tail", signal);
    expect(asked).toEqual(["", "2", "2", "4"]);
    expect(store.state().steps).toHaveLength(5);
  });

  it("take a step heard of live once, in its newest form", async () => {
    const store = createStepStore(source([step(1), step(2)], 2).fetchPage);
    store.add(step(2, "live"));
    store.add(step(3, "live"));
    await store.load("start", signal);
    expect(store.state().steps.map(({ seq, name }) => [seq, name])).toEqual([
      [1, ""],
      [2, ""],
      [3, "live"],
    ]);
  });

  it("stay when a page fails, and the failure is told", async () => {
    const failing = createStepStore(async (cursor) => {
      if (cursor !== "") throw new Error("away");
      return { items: [step(1)], next_cursor: "1" };
    });
    await failing.load("start", signal);
    expect(failing.state()).toMatchObject({ loaded: false, error: { message: "away" }, steps: [{ seq: 1 }] });
  });
});
