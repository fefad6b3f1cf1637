import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { createRecordedLedger, type RecordedLedger } from "../testing/recorded-ledger.ts";
import type { McpOptions } from "./mcp-tools.ts";

let recorded: RecordedLedger;
let server: McpServer;
let plain: Client;
let received: unknown[];
beforeEach(async () => {
  recorded = createRecordedLedger();
  received = [];
  server = new McpServer({ name: "shop", version: "1" });
  server.registerTool("stock", { description: "Stock of an item", inputSchema: { item: z.string() } }, ({ item }) => {
    received.push(item);
    return { content: [{ type: "text", text: `7 of ${item}` }] };
  });
  server.registerTool("broken", { inputSchema: {} }, () => ({
    isError: true,
    content: [{ type: "text", text: "no disk" }],
  }));
  server.registerTool("slow", { inputSchema: {} }, async (_args, { signal }) => {
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    received.push("cancelled");
    return { content: [] };
  });
  plain = new Client({ name: "test", version: "1" });
  const [here, there] = InMemoryTransport.createLinkedPair();
  await Promise.all([server.connect(there), plain.connect(here)]);
});
afterEach(async () => {
  await plain.close();
  await server.close();
  await recorded.ledger.shutdown();
});
const inRun = <T>(work: () => Promise<T>): Promise<T> => recorded.ledger.wrap(work, { agent: "a" })();
const client = (options?: McpOptions) => recorded.ledger.mcp(plain, options);

test("a call goes through unchanged, and is an exact step", async () => {
  const mcp = client();
  const result = await inRun(() =>
    mcp.callTool({ name: "stock", arguments: { item: "lamp" } }, undefined, { runledger: { callId: "c1" } } as object),
  );
  expect(result).toEqual(await plain.callTool({ name: "stock", arguments: { item: "lamp" } }));
  const [step] = await recorded.steps("tool");
  expect(step?.attributes).toMatchObject({
    "gen_ai.tool.name": "stock",
    "gen_ai.tool.call.id": "c1",
    "gen_ai.tool.call.arguments": '{"item":"lamp"}',
    "runledger.tool.known": true,
    "runledger.tool.valid": true,
  });
  expect(step?.attributes["gen_ai.tool.call.result"]).toContain("7 of lamp");
});

test("arguments are checked against the server's schema before it is asked", async () => {
  const result = await inRun(() => client().callTool({ name: "stock", arguments: { item: 7 } }));
  expect(result).toMatchObject({ isError: true, content: [{ text: expect.stringContaining("item") }] });
  expect(received).toEqual([]);
  expect((await recorded.steps("tool"))[0]?.attributes).toMatchObject({ "error.type": "invalid_arguments" });
});

test("a server's schema of any kind is listed and checked; one that can't be followed lets nothing through", async () => {
  const schemas = { never: { not: { required: ["a"] } }, broken: { properties: { a: { $ref: "#/nowhere" } } } };
  const fake = {
    listTools: async () => ({
      tools: Object.entries(schemas).map(([name, schema]) => ({ name, inputSchema: { type: "object", ...schema } })),
    }),
    callTool: async (_call: object) => ({ content: [] }),
  };
  const mcp = recorded.ledger.mcp(fake);
  const call = (name: string, args: object) => mcp.callTool({ name, arguments: args });
  expect((await mcp.listTools()).tools).toHaveLength(2);
  expect(await inRun(() => call("never", { b: 1 }))).toEqual({ content: [] });
  expect(await inRun(() => call("never", { a: 1 }))).toMatchObject({ isError: true });
  expect(await inRun(() => call("broken", { a: 1 }))).toMatchObject({
    isError: true,
    content: [{ text: expect.stringContaining("can't be followed") }],
  });
});

test("a tool that the server does not list, or that is not allowed, is refused with the list", async () => {
  const result = await inRun(() => client({ allow: ["stock"] }).callTool({ name: "broken", arguments: {} }));
  expect(result).toMatchObject({ isError: true, content: [{ text: "there is no tool broken; there are: stock" }] });
  expect((await recorded.steps("tool"))[0]?.attributes).toMatchObject({ "runledger.tool.known": false });
});

test("a result that says it is an error is a failed step, and reaches the model as it is", async () => {
  const mcp = client({ tools: { broken: { sideEffect: "none", retry: { attempts: 2, firstDelayMs: 1 } } } });
  const result = await inRun(() => mcp.callTool({ name: "broken", arguments: {} }));
  expect(result).toEqual({ isError: true, content: [{ type: "text", text: "no disk" }] });
  const steps = await recorded.steps("tool");
  expect(steps.map(({ status }) => status.message)).toEqual(["no disk", "no disk"]);
});

test("a time-out is hard and cancels the call at the server", async () => {
  const mcp = client({ tools: { "*": { timeoutMs: 30 } } });
  const result = await inRun(() => mcp.callTool({ name: "slow", arguments: {} }));
  expect(result).toMatchObject({ isError: true, content: [{ text: "slow took longer than 30 ms" }] });
  await expect.poll(() => received).toEqual(["cancelled"]);
});

test("permission and confirmation hold for a server's tools too", async () => {
  const mcp = client({ tools: { stock: { permission: "stock:read" }, broken: { sideEffect: "irreversible" } } });
  const results = await inRun(async () => [
    await mcp.callTool({ name: "stock", arguments: { item: "lamp" } }),
    await mcp.callTool({ name: "broken", arguments: {} }),
  ]);
  expect(results).toMatchObject([{ isError: true }, { isError: true }]);
  expect(received).toEqual([]);
});

test("the rest of the client is the client", async () => {
  const mcp = client();
  expect((await mcp.listTools()).tools.map(({ name }) => name)).toEqual(["stock", "broken", "slow"]);
  expect(mcp.getServerVersion()).toMatchObject({ name: "shop" });
  expect(mcp).toBeInstanceOf(Client);
});
