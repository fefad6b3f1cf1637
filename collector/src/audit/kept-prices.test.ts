import { StorageError } from "@runledger/storage";
import { expect, test } from "vitest";
import type { NormalizedFrame, NormalizedRecord } from "../normalize/normalized.ts";
import { createPrices } from "../normalize/price.ts";
import { createKeptPrices } from "./kept-prices.ts";

const OWN = { name: "acme", version: "7", models: [{ model: "our-gpt", input: 2, output: 8 }] };
const prices = createPrices(OWN);

function frameOf(calls: { tenant?: string; model: string; table?: string }[]): NormalizedFrame {
  const records = calls.map(({ tenant = "default", model, table }) => {
    const llm = { provider: "openai", request_model: model, response_model: null, input_tokens: 5, output_tokens: 1 };
    const cost = prices.cost({ ...llm, tool_requests: [] } as never, "2026-11-01T00:00:00.000000000Z");
    return { facts: { tenant, llm, cost: cost && { ...cost, price_table: table ?? cost.price_table } } };
  });
  return { seq: 1, bodyBytes: 1, records: records as unknown as NormalizedRecord[] };
}

test("what calls were priced by is kept once for a tenant and model, in the table's own form", async () => {
  const files = new Map<string, string>();
  let writes = 0;
  const create = async (path: string, bytes: Uint8Array) => {
    writes++;
    files.set(path, Buffer.from(bytes).toString());
  };
  const keep = createKeptPrices({ create }, prices, () => undefined);
  await keep([
    frameOf([{ model: "our-gpt" }, { model: "gpt-4o-2024-11-20" }, { model: "gpt-4o" }, { model: "nobody" }]),
  ]);
  await keep([
    frameOf([{ model: "our-gpt" }, { model: "our-gpt", tenant: "b" }, { model: "gpt-4o", table: "theirs" }]),
  ]);
  expect(writes).toBe(3);
  const kept = [...files].map(([path, text]) => ({ tenant: path.split("/")[1], ...JSON.parse(text) }));
  const own = { price_table: "acme", price_version: "7", model: OWN.models[0] };
  expect(kept).toEqual([
    { tenant: "default", ...own },
    {
      tenant: "default",
      price_table: "@pydantic/genai-prices",
      price_version: expect.stringMatching(/^\d/),
      model: expect.objectContaining({ provider: "openai", id: "gpt-4o", prices: expect.anything() }),
    },
    { tenant: "b", ...own },
  ]);
});

test("a model of many names is kept once", async () => {
  const written: string[] = [];
  const keep = createKeptPrices({ create: async (path) => void written.push(path) }, prices, () => undefined);
  for (const model of ["gpt-4o-mini", "gpt-4o-mini-2024-07-18"]) await keep([frameOf([{ model }])]);
  expect(written).toHaveLength(1);
});

test("what could not be kept is asked for again with the same frames", async () => {
  let isAway = true;
  const written: string[] = [];
  const create = async (path: string) => {
    if (isAway) throw new Error("away");
    written.push(path);
  };
  const keep = createKeptPrices({ create }, prices, () => undefined);
  const frames = [frameOf([{ model: "our-gpt" }])];
  await expect(keep(frames)).rejects.toThrow("away");
  isAway = false;
  await keep(frames);
  expect(written).toHaveLength(1);
});

test("what lies damaged in its place is warned of once, and stops nothing", async () => {
  const warnings: string[] = [];
  const create = async (path: string) => {
    throw new StorageError("conflict", `${path} has other bytes`);
  };
  const keep = createKeptPrices({ create }, prices, (message) => warnings.push(message));
  await keep([frameOf([{ model: "our-gpt" }])]);
  await keep([frameOf([{ model: "our-gpt" }])]);
  expect(warnings).toEqual([expect.stringMatching(/^prices\/default\/[0-9a-f]{16}\/[0-9a-f]{64}\.json does not hold/)]);
});
