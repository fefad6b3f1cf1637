import { OpenAIInstrumentation } from "@arizeai/openinference-instrumentation-openai";
import { observeOpenAI } from "@langfuse/openai";
import { LangfuseSpanProcessor } from "@langfuse/otel";
import { setLangfuseTracerProvider } from "@langfuse/tracing";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import OpenAI from "openai";

/** A provider for each: no trace has spans of both. */
const openinference = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())] });
const instrumentation = new OpenAIInstrumentation();
instrumentation.setTracerProvider(openinference);
instrumentation.manuallyInstrument(OpenAI);
const langfuse = new NodeTracerProvider({ spanProcessors: [new LangfuseSpanProcessor()] });
setLangfuseTracerProvider(langfuse);

const openai = observeOpenAI(new OpenAI({ maxRetries: 0 }));
const parameters = { type: "object", properties: { city: { type: "string" } } };
const tools = [{ type: "function", function: { name: "get_weather", parameters } }];
const messages = [
  { role: "system", content: "You tell the weather." },
  { role: "user", content: "Paris?" },
];
const request = { model: "gpt-4o", tools };
const { choices } = await openai.chat.completions.create({ ...request, messages });
const [{ message }] = choices;
const results = message.tool_calls.map(({ id }) => ({ role: "tool", tool_call_id: id, content: "21 degrees" }));
const next = [...messages, message, ...results];
const streamed = { stream: true, stream_options: { include_usage: true } };
for await (const _chunk of await openai.chat.completions.create({ ...request, messages: next, ...streamed }));
await openai.responses.create({ model: "gpt-4o", instructions: "You tell the weather.", input: "And in Rome?" });
await openai.chat.completions.create({ ...request, messages }).catch(() => {});
await Promise.all([openinference, langfuse].map((provider) => provider.shutdown()));
