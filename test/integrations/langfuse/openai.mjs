// #region docs
import { observeOpenAI } from "@langfuse/openai";
import { LangfuseSpanProcessor } from "@langfuse/otel";
import { propagateAttributes, startActiveObservation } from "@langfuse/tracing";
import { NodeSDK } from "@opentelemetry/sdk-node";
import OpenAI from "openai";

// LANGFUSE_BASE_URL=http://127.0.0.1:4318, and any LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY
const sdk = new NodeSDK({ serviceName: "weather", spanProcessors: [new LangfuseSpanProcessor()] });
sdk.start();

const openai = observeOpenAI(new OpenAI());

function callTool(id, name, input) {
  return startActiveObservation(
    name,
    async (tool) => {
      tool.update({ input, metadata: { toolCallId: id } });
      const output = TOOLS[name](input);
      tool.update({ output });
      return output;
    },
    { asType: "tool" },
  );
}

function runAgent(question) {
  const about = { sessionId: "session-1", userId: "user-1", traceName: "clothing-advice", version: "1.2.0" };
  return propagateAttributes(about, () =>
    startActiveObservation("weather-agent", () => advise(question), { asType: "agent" }),
  );
}
// #endregion

const TOOLS = {
  get_wardrobe: () => {
    throw new TypeError("the wardrobe is locked");
  },
  get_weather: ({ city }) => ({ city, degrees: 21 }),
};

async function advise(question) {
  const parameters = { type: "object", properties: { city: { type: "string" } } };
  const tools = Object.keys(TOOLS).map((name) => ({ type: "function", function: { name, parameters } }));
  const messages = [
    { role: "system", content: "You tell the weather." },
    { role: "user", content: question },
  ];
  const request = { model: "gpt-4o", tools, messages, temperature: 0.2 };
  const first = await openai.chat.completions.create(request);
  const { message } = first.choices[0];
  messages.push(message);
  for (const { id, function: call } of message.tool_calls) {
    const result = await callTool(id, call.name, JSON.parse(call.arguments)).catch(String);
    messages.push({ role: "tool", tool_call_id: id, content: JSON.stringify(result) });
  }
  const options = { stream: true, stream_options: { include_usage: true } };
  for await (const _chunk of await openai.chat.completions.create({ ...request, ...options }));
  for await (const _chunk of await openai.chat.completions.create({ ...request, stream: true }));
  await openai.responses.create({ model: "gpt-4o", instructions: "You tell the weather.", input: "And in Rome?" });
  const never = { model: "gpt-4o", messages: [{ role: "user", content: "Never" }] };
  await openai.chat.completions.create(never).catch(() => {});
}

await runAgent("What should I wear in Paris?");
await sdk.shutdown();
