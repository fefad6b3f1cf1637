// #region docs
import { OpenAIInstrumentation } from "@arizeai/openinference-instrumentation-openai";
import { NodeSDK } from "@opentelemetry/sdk-node";
import OpenAI from "openai";

const instrumentation = new OpenAIInstrumentation();
const sdk = new NodeSDK({ serviceName: "weather-agent", instrumentations: [instrumentation] }); // to OTEL_EXPORTER_OTLP_ENDPOINT
sdk.start();
instrumentation.manuallyInstrument(OpenAI); // ES modules are not patched by themselves

// #endregion
import { setMetadata, setSession, setTags, setUser, traceAgent, traceTool } from "@arizeai/openinference-core";
import { context } from "@opentelemetry/api";

const client = new OpenAI({ maxRetries: 0 });
const tools = [
  {
    type: "function",
    function: {
      name: "get_weather",
      description: "The weather in a city",
      parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
    },
  },
];
const getWeather = traceTool(({ city }) => ({ city, celsius: 21 }), { name: "get_weather" });

const agent = traceAgent(
  async (question) => {
    const messages = [
      { role: "system", content: "You tell the weather." },
      {
        role: "user",
        content: [
          { type: "text", text: question },
          { type: "image_url", image_url: { url: "https://example.com/sky.png" } },
        ],
      },
    ];
    const first = await client.chat.completions.create({ model: "gpt-4o", temperature: 0.2, messages, tools });
    const { message } = first.choices[0];
    messages.push(message);
    for (const call of message.tool_calls) {
      const result = await getWeather(JSON.parse(call.function.arguments));
      messages.push({ role: "tool", tool_call_id: call.id, content: JSON.stringify(result) });
    }
    const second = await client.chat.completions.create({ model: "gpt-4o", messages, tools });
    await client.embeddings.create({
      model: "text-embedding-3-small",
      input: ["sunny", "rainy"],
      encoding_format: "float",
    });
    return second.choices[0].message.content;
  },
  { name: "weather" },
);

let here = setSession(context.active(), { sessionId: "session-7" });
here = setUser(here, { userId: "user-3" });
here = setMetadata(here, { plan: "pro" });
here = setTags(here, ["weather", "test"]);
console.log(await context.with(here, () => agent("How is it in Paris and Rome?")));
await sdk.shutdown();
