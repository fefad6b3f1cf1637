import { trace } from "@opentelemetry/api";
import { NodeSDK } from "@opentelemetry/sdk-node";
import { LangChainInstrumentation } from "@traceloop/instrumentation-langchain";
import { OpenAIInstrumentation } from "@traceloop/instrumentation-openai";
import OpenAI from "openai";
import { ask, askStreaming } from "./agent.mjs";

const openai = new OpenAIInstrumentation();
const sdk = new NodeSDK({ serviceName: "weather-agent", instrumentations: [new LangChainInstrumentation(), openai] });
sdk.start();
openai.manuallyInstrument(OpenAI);

const attributes = { "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "weather" };
await trace.getTracer("my-agent").startActiveSpan("invoke_agent weather", { attributes }, async (span) => {
  console.log(await (process.env.STREAMING ? askStreaming() : ask()));
  span.end();
});
await sdk.shutdown();
