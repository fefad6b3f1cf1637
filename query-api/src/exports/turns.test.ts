import { expect, test } from "vitest";
import { nextInTurn } from "./export-jobs.ts";

test("tenants take turns, each its oldest first, however many one has asked for", () => {
  const turns = new Set<string>();
  let waiting = ["a1", "a2", "a3", "b1", "a4", "c1", "b2"].map((id) => ({ id, tenant: id.slice(0, 1) }));
  const made: string[] = [];
  for (let next = nextInTurn(waiting, turns); next !== undefined; next = nextInTurn(waiting, turns)) {
    made.push(next.id);
    waiting = waiting.filter((one) => one !== next);
  }
  expect(made).toEqual(["a1", "b1", "c1", "a2", "b2", "a3", "a4"]);
  expect(turns.size).toBe(0);
});
