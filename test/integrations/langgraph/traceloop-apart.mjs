import { OpenAIInstrumentation } from "@arizeai/openinference-instrumentation-openai";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { NodeSDK } from "@opentelemetry/sdk-node";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import { LangChainInstrumentation } from "@traceloop/instrumentation-langchain";
import OpenAI from "openai";
import { ask } from "./agent.mjs";

/** The client's instrumentation has a provider of its own, whose spans are in no trace of the agent. */
const openai = new OpenAIInstrumentation();
const apart = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())] });
openai.setTracerProvider(apart);
openai.manuallyInstrument(OpenAI);
const sdk = new NodeSDK({ serviceName: "weather-agent", instrumentations: [new LangChainInstrumentation()] });
sdk.start();

console.log(await ask());
await Promise.all([sdk.shutdown(), apart.shutdown()]);
