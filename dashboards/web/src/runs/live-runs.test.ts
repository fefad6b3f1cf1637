import type { Run } from "@runledger/contract";
import { describe, expect, it } from "vitest";
import { withRun } from "./live-runs.ts";
import { readRunSearch } from "./run-search.ts";

const run = (run_id: string, second: number, change: Partial<Run> = {}) =>
  ({
    run_id,
    status: "running",
    start_time: `2026-11-20T10:00:0${second}.000000000Z`,
    agent: { name: "a", version: null },
    models: [],
    tools: [],
    ...change,
  }) as Run;
const pages = (...items: Run[]): Parameters<typeof withRun>[0] => ({
  pages: [{ items, next_cursor: null }],
  pageParams: [""],
});
const ids = (data: ReturnType<typeof pages>) => data.pages.flatMap((page) => page.items.map((item) => item.run_id));

describe("a run heard of live", () => {
  it("replaces the one in the list", () => {
    const data = withRun(pages(run("b", 2), run("a", 1)), run("a", 1, { status: "completed" }), {});
    expect(data.pages[0]?.items.map((item) => item.status)).toEqual(["running", "completed"]);
  });

  it("comes to its place by start time when it is new", () => {
    expect(ids(withRun(pages(run("c", 3), run("a", 1)), run("b", 2), {}))).toEqual(["c", "b", "a"]);
  });

  it("leaves the list when it no longer fits the filters", () => {
    expect(ids(withRun(pages(run("a", 1)), run("a", 1, { status: "failed" }), { status: "running" }))).toEqual([]);
  });

  it("is not added where only the API knows whether it fits", () => {
    expect(ids(withRun(pages(run("a", 1)), run("b", 2), { q: "text" }))).toEqual(["a"]);
    expect(ids(withRun(pages(run("a", 1)), run("b", 2), { order: "-cost_usd" }))).toEqual(["a"]);
  });
});

describe("the address of a list", () => {
  it("is read without what is no filter", () => {
    const raw = { status: "odd", agent: 42, range: "24h", order: "-cost_usd", other: 1, q: "" };
    expect(readRunSearch(raw)).toEqual({ agent: "42", order: "-cost_usd" });
  });
});
