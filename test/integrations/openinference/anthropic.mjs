import Anthropic from "@anthropic-ai/sdk";
import { AnthropicInstrumentation } from "@arizeai/openinference-instrumentation-anthropic";
import { NodeSDK } from "@opentelemetry/sdk-node";

const instrumentation = new AnthropicInstrumentation();
const sdk = new NodeSDK({ serviceName: "weather-agent", instrumentations: [instrumentation] });
sdk.start();
instrumentation.manuallyInstrument(Anthropic);

import { traceAgent } from "@arizeai/openinference-core";

const client = new Anthropic({ maxRetries: 0 });
const tools = [
  {
    name: "get_weather",
    description: "The weather in a city",
    input_schema: { type: "object", properties: { city: { type: "string" } } },
  },
];
const agent = traceAgent(
  async () => {
    const request = { model: "claude-sonnet-4-5", max_tokens: 500, system: "You tell the weather.", tools };
    const messages = [{ role: "user", content: "Paris and Rome?" }];
    const first = await client.messages.create({ ...request, messages });
    messages.push({ role: "assistant", content: first.content });
    const results = first.content
      .filter((part) => part.type === "tool_use")
      .map((part) => ({ type: "tool_result", tool_use_id: part.id, content: `21 degrees in ${part.input.city}` }));
    messages.push({ role: "user", content: results });
    for await (const _event of await client.messages.create({ ...request, messages, stream: true }));
    await client.messages.create({ ...request, messages }).catch(() => {});
    return "done";
  },
  { name: "weather" },
);
console.log(await agent());
await sdk.shutdown();
