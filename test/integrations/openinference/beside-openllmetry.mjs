import { OpenAIInstrumentation } from "@arizeai/openinference-instrumentation-openai";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import { OpenAIInstrumentation as OpenLLMetry } from "@traceloop/instrumentation-openai";
import OpenAI from "openai";

/** Each has a provider of its own, and none is registered: without a common context each span is a trace of its own. */
const providers = [new OpenLLMetry(), new OpenAIInstrumentation()].map((instrumentation) => {
  const provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())] });
  instrumentation.setTracerProvider(provider);
  instrumentation.manuallyInstrument(OpenAI);
  return provider;
});

const client = new OpenAI({ maxRetries: 0 });
const parameters = { type: "object", properties: { city: { type: "string" } } };
const tools = [{ type: "function", function: { name: "get_weather", parameters } }];
const request = { model: "gpt-4o", tools };
const messages = [{ role: "user", content: "Paris?" }];
const { choices } = await client.chat.completions.create({ ...request, messages });
const [{ message }] = choices;
const results = message.tool_calls.map(({ id }) => ({ role: "tool", tool_call_id: id, content: "21 degrees" }));
await client.chat.completions.create({ ...request, messages: [...messages, message, ...results] });
await Promise.all(providers.map((provider) => provider.shutdown()));
