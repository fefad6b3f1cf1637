import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { startBareServer } from "./bare-server.ts";

/** Forked by the benchmark of the SDK: a collector that only decodes, and a model that always says the same. Tells their ports. */
const ANSWER = JSON.stringify({
  id: "chatcmpl-9aF2",
  object: "chat.completion",
  model: "gpt-4o-2024-08-06",
  choices: [
    {
      index: 0,
      message: {
        role: "assistant",
        content: "Your order A-10293 has left our warehouse and should arrive on Wednesday.",
      },
      finish_reason: "stop",
    },
  ],
  usage: { prompt_tokens: 812, completion_tokens: 24, total_tokens: 836 },
});
const ASKS_FOR_TOOL = ANSWER.replace('"finish_reason":"stop"', '"finish_reason":"tool_calls"').replace(
  '"role":"assistant"',
  '"role":"assistant","tool_calls":[{"id":"call_bench","type":"function","function":{"name":"find_order","arguments":"{}"}}]',
);
const model = createServer((request, response) => {
  const answer = request.url?.endsWith("?ask=tool") ? ASKS_FOR_TOOL : ANSWER;
  request.resume().once("end", () => response.setHeader("content-type", "application/json").end(answer));
});
await new Promise<void>((resolve) => model.listen(0, "127.0.0.1", resolve));
const { grpc } = await startBareServer();
process.send?.({ grpc, model: (model.address() as AddressInfo).port });
