import { OpenAIInstrumentation } from "@arizeai/openinference-instrumentation-openai";
import { NodeSDK } from "@opentelemetry/sdk-node";
import OpenAI from "openai";

const instrumentation = new OpenAIInstrumentation();
const sdk = new NodeSDK({ serviceName: "weather-agent", instrumentations: [instrumentation] });
sdk.start();
instrumentation.manuallyInstrument(OpenAI);

import { traceAgent } from "@arizeai/openinference-core";

const client = new OpenAI({ maxRetries: 0 });
const parameters = { type: "object", properties: { city: { type: "string" } } };
const tools = [
  { type: "function", function: { name: "get_weather", parameters } },
  { type: "function", function: { name: "get_time", parameters } },
];
const agent = traceAgent(
  async () => {
    const messages = [{ role: "user", content: "Paris?" }];
    const request = { model: "gpt-4o", messages, tools, stream: true, stream_options: { include_usage: true } };
    for await (const _chunk of await client.chat.completions.create(request));
    let text = "";
    for await (const chunk of await client.chat.completions.create({ ...request, tools: undefined }))
      text += chunk.choices[0]?.delta.content ?? "";
    const input = [{ role: "user", content: "And Rome?" }];
    const flat = tools.map((tool) => ({ type: "function", ...tool.function }));
    for await (const _event of await client.responses.create({
      model: "gpt-4o",
      instructions: "Be brief.",
      input,
      tools: flat,
      stream: true,
    }));
    const answer = await client.responses.create({ model: "gpt-4o", instructions: "Be brief.", input, tools: flat });
    await client.chat.completions.create({ model: "gpt-4o", messages }).catch(() => {});
    return text + answer.output_text;
  },
  { name: "weather" },
);
console.log(await agent());
await sdk.shutdown();
