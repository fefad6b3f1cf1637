// #region docs
import { NodeSDK } from "@opentelemetry/sdk-node";
import { OpenAIInstrumentation } from "@traceloop/instrumentation-openai";
import OpenAI from "openai";

const instrumentation = new OpenAIInstrumentation();
const sdk = new NodeSDK({ serviceName: "weather-agent", instrumentations: [instrumentation] }); // to OTEL_EXPORTER_OTLP_ENDPOINT
sdk.start();
instrumentation.manuallyInstrument(OpenAI); // ES modules and openai 7 are not patched by themselves

// #endregion
import { trace } from "@opentelemetry/api";

const client = new OpenAI({ maxRetries: 0 });
const parameters = { type: "object", properties: { city: { type: "string" } } };
const tools = [
  { type: "function", function: { name: "get_weather", description: "The weather in a city", parameters } },
  { type: "function", function: { name: "get_time", parameters } },
];

/** What the Traceloop SDK's withWorkflow and withTool do. */
const tracer = trace.getTracer("@traceloop/node-server-sdk");
function entity(kind, name, input, run) {
  const attributes = {
    "traceloop.span.kind": kind,
    "traceloop.entity.name": name,
    "traceloop.workflow.name": "weather",
    "traceloop.association.properties.user_id": "user-3",
    "traceloop.association.properties.session_id": "session-7",
    "traceloop.association.properties.plan": "pro",
    "traceloop.entity.input": JSON.stringify({ args: [], kwargs: input }),
  };
  return tracer.startActiveSpan(`${name}.${kind}`, { attributes }, async (span) => {
    const output = await run();
    span.setAttribute("traceloop.entity.output", JSON.stringify(output));
    span.end();
    return output;
  });
}

const answer = await entity("workflow", "weather", { question: "Paris?" }, async () => {
  const messages = [
    { role: "system", content: "You tell the weather." },
    {
      role: "user",
      content: [
        { type: "text", text: "Paris and Rome?" },
        { type: "image_url", image_url: { url: "https://example.com/sky.png" } },
      ],
    },
  ];
  const first = await client.chat.completions.create({ model: "gpt-4o", temperature: 0.2, messages, tools });
  messages.push(first.choices[0].message);
  for (const call of first.choices[0].message.tool_calls) {
    const given = JSON.parse(call.function.arguments);
    const result = await entity("tool", call.function.name, given, async () => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      return { ...given, celsius: 21 };
    });
    messages.push({ role: "tool", tool_call_id: call.id, content: JSON.stringify(result) });
  }
  const stream = await client.chat.completions.create({
    model: "gpt-4o",
    messages,
    tools,
    stream: true,
    stream_options: { include_usage: true },
  });
  for await (const _chunk of stream);
  for await (const _chunk of await client.chat.completions.create({ model: "gpt-4o", messages, tools, stream: true }));
  const last = await client.responses.create({ model: "gpt-4o", instructions: "Be brief.", input: "And Rome?" });
  await client.embeddings.create({ model: "text-embedding-3-small", input: "sunny" });
  await client.chat.completions.create({ model: "gpt-4o", messages }).catch(() => {});
  return last.output_text;
});
console.log(answer);
await sdk.shutdown();
