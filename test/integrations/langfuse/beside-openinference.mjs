import { OpenAIInstrumentation } from "@arizeai/openinference-instrumentation-openai";
import { observeOpenAI } from "@langfuse/openai";
import { LangfuseSpanProcessor } from "@langfuse/otel";
import { setLangfuseTracerProvider } from "@langfuse/tracing";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import OpenAI from "openai";

/** Each has a provider of its own, and none is registered: no trace has spans of both. */
const openinference = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())] });
const instrumentation = new OpenAIInstrumentation();
instrumentation.setTracerProvider(openinference);
instrumentation.manuallyInstrument(OpenAI);
const langfuse = new NodeTracerProvider({ spanProcessors: [new LangfuseSpanProcessor()] });
setLangfuseTracerProvider(langfuse);

const openai = observeOpenAI(new OpenAI({ maxRetries: 0 }));
const parameters = { type: "object", properties: { city: { type: "string" } } };
const tools = ["get_wardrobe", "get_weather"].map((name) => ({ type: "function", function: { name, parameters } }));
const request = { model: "gpt-4.1", tools };
const streamed = { ...request, stream: true, stream_options: { include_usage: true } };

const messages = [
  { role: "system", content: "You tell the weather." },
  { role: "user", content: "Paris?" },
];
const { choices } = await openai.chat.completions.create({ ...request, messages });
const [{ message }] = choices;
messages.push(message, ...message.tool_calls.map(({ id }) => ({ role: "tool", tool_call_id: id, content: "21 °C" })));
for await (const _chunk of await openai.chat.completions.create({ ...streamed, messages }));
await openai.responses.create({ model: "gpt-4.1", instructions: "You tell the weather.", input: "And in Rome?" });

/** The same at the same moment, and something else between. */
async function ask(content) {
  const answer = await openai.chat.completions.create({ ...streamed, messages: [{ role: "user", content }] });
  for await (const _chunk of answer);
}
await Promise.all(["Oslo?", "Oslo?", "Bern?", "Oslo?"].map(ask));
await Promise.all([openinference, langfuse].map((provider) => provider.shutdown()));
