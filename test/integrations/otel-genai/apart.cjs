const { OTLPTraceExporter } = require("@opentelemetry/exporter-trace-otlp-proto");
const { registerInstrumentations } = require("@opentelemetry/instrumentation");
const { detectResources, hostDetector, processDetector } = require("@opentelemetry/resources");
const { BatchSpanProcessor, NodeTracerProvider } = require("@opentelemetry/sdk-trace-node");

// Four that tell of the same calls, each with a provider of its own and none registered: no trace has spans of two. CONTENT=off: without a word.
const words = process.env.CONTENT !== "off";
const resource = detectResources({ detectors: [hostDetector, processDetector] });
const providers = [];
function provider(processor = new BatchSpanProcessor(new OTLPTraceExporter())) {
  providers.push(new NodeTracerProvider({ resource, spanProcessors: [processor] }));
  return providers.at(-1);
}

const OpenTelemetry = require("@opentelemetry/instrumentation-openai").OpenAIInstrumentation;
const instrumentations = [new OpenTelemetry({ captureMessageContent: words })];
registerInstrumentations({ instrumentations, tracerProvider: provider() });
const { OpenAI } = require("openai");

const OpenInference = require("@arizeai/openinference-instrumentation-openai").OpenAIInstrumentation;
const openinference = new OpenInference({ traceConfig: { hideInputs: !words, hideOutputs: !words } });
openinference.setTracerProvider(provider());
openinference.manuallyInstrument({ OpenAI });

const { observeOpenAI } = require("@langfuse/openai");
const { LangfuseSpanProcessor } = require("@langfuse/otel");
const { setLangfuseTracerProvider } = require("@langfuse/tracing");
setLangfuseTracerProvider(provider(new LangfuseSpanProcessor(words ? {} : { mask: () => "***" })));
const client = observeOpenAI(new OpenAI());

async function chat(content, options = {}) {
  const messages = [{ role: "user", content }];
  const answer = await client.chat.completions.create({ model: "gpt-4o", messages, ...options });
  if (options.stream) for await (const _ of answer);
}
const embed = (input) => client.embeddings.create({ model: "text-embedding-3-small", input });
/** Of many made at once what is sent begins long after what is around it. */
const atOnce = (times, call) => Promise.all(Array.from({ length: times }, call));

async function agent() {
  await chat("Paris?"); // the first attempt fails
  await chat("Rome?", { stream: true, stream_options: { include_usage: true } });
  await chat("Bern?", { stream: true });
  await atOnce(4, () => chat("Oslo?"));
  await embed(["rain", "snow"]);
  await atOnce(2, () => embed("hail"));
  await chat("Never").catch(() => {});
}

async function main() {
  const { createRunledger } = await import("@runledger/sdk");
  const ledger = createRunledger({ content: words ? "full" : "hashes" });
  const told = async () => {
    console.log(`run ${ledger.runId()}`);
    await agent();
  };
  await ledger.wrap(told, { agent: "apart" })();
  await Promise.all(providers.map((one) => one.shutdown()));
}
void main();
