import Anthropic, { APIPromise } from "@anthropic-ai/sdk";
import { trace } from "@opentelemetry/api";
import { NodeSDK } from "@opentelemetry/sdk-node";
import { AnthropicInstrumentation } from "@traceloop/instrumentation-anthropic";

const instrumentation = new AnthropicInstrumentation();
const sdk = new NodeSDK({ serviceName: "weather-agent", instrumentations: [instrumentation] });
sdk.start();
// instrumentation-anthropic 0.27 patches an API that version 1 of the client no longer has
Anthropic.Completions ??= class Completions {
  create() {}
};
instrumentation.manuallyInstrument({ Anthropic, APIPromise });

const client = new Anthropic({ maxRetries: 0 });
const input_schema = { type: "object", properties: { city: { type: "string" } } };
const tools = [{ name: "get_weather", description: "The weather in a city", input_schema }];
const request = { model: "claude-sonnet-4-5", max_tokens: 500, system: "You tell the weather.", tools };

async function agent() {
  const messages = [{ role: "user", content: "Paris and Rome?" }];
  const first = await client.messages.create({ ...request, messages });
  messages.push({ role: "assistant", content: first.content });
  const results = first.content
    .filter((part) => part.type === "tool_use")
    .map((part) => ({ type: "tool_result", tool_use_id: part.id, content: `21 degrees in ${part.input.city}` }));
  messages.push({ role: "user", content: results });
  for await (const _event of await client.messages.create({ ...request, messages, stream: true }));
  await client.messages.create({ ...request, messages }).catch(() => {});
}

const attributes = { "traceloop.span.kind": "agent", "traceloop.entity.name": "weather" };
await trace.getTracer("@traceloop/node-server-sdk").startActiveSpan("weather.agent", { attributes }, async (span) => {
  await agent();
  span.end();
});
await sdk.shutdown();
