import { OpenAIInstrumentation } from "@arizeai/openinference-instrumentation-openai";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import { OpenAIInstrumentation as OpenLLMetry } from "@traceloop/instrumentation-openai";
import OpenAI from "openai";

/** Each has a provider of its own, and none is registered: without a common context each span is a trace of its own. */
const providers = [new OpenAIInstrumentation(), new OpenLLMetry()].map((instrumentation) => {
  const provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())] });
  instrumentation.setTracerProvider(provider);
  instrumentation.manuallyInstrument(OpenAI);
  return provider;
});

const client = new OpenAI({ maxRetries: 0 });
const parameters = { type: "object", properties: { city: { type: "string" } } };
const tools = [{ type: "function", function: { name: "get_weather", parameters } }];
const request = { model: "gpt-4o", tools, stream: true, stream_options: { include_usage: true } };
const messages = [{ role: "user", content: "Paris?" }];

async function ask(more) {
  const calls = [];
  for await (const { choices } of await client.chat.completions.create({ ...request, ...more })) {
    for (const { index, id, function: asked } of choices[0]?.delta.tool_calls ?? []) {
      calls[index] ??= { id, type: "function", function: { name: asked.name, arguments: "" } };
      calls[index].function.arguments += asked.arguments ?? "";
    }
  }
  return { role: "assistant", tool_calls: calls };
}

const message = await ask({ messages });
const results = message.tool_calls.map(({ id }) => ({ role: "tool", tool_call_id: id, content: "21 degrees" }));
await ask({ messages: [...messages, message, ...results] });
await Promise.all(["Rome?", "Rome?", "Oslo?"].map((content) => ask({ messages: [{ role: "user", content }] })));
await client.chat.completions.create({ model: "gpt-4o", messages }).catch(() => {});
await Promise.all(providers.map((provider) => provider.shutdown()));
