// #region docs
import Anthropic from "@anthropic-ai/sdk";
import { NodeSDK } from "@opentelemetry/sdk-node";

process.env.ANTHROPIC_OPEN_TELEMETRY_TRACES_CONTENT_MODE = "content"; // without it: everything but the words
const sdk = new NodeSDK({ serviceName: "weather" });
sdk.start();
const client = new Anthropic();
// #endregion
const forecast = {
  name: "forecast",
  description: "Rain today",
  input_schema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  run: ({ city }) => `${city}: rain from noon`,
};
const question = { role: "user", content: "Where does it rain today?" };
const base = { model: "claude-haiku-4-5", max_tokens: 500 };
await client.beta.messages.toolRunner({
  ...base,
  system: "You know the weather.",
  tools: [{ type: "custom", parse: (input) => input, ...forecast }],
  messages: [question],
});
const stream = client.messages.stream({ ...base, messages: [question] });
await stream.finalMessage();
await client.messages.create({ ...base, messages: [question] }, { maxRetries: 0 }).catch(() => "refused");
await sdk.shutdown();
