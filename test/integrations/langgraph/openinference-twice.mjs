import { traceAgent } from "@arizeai/openinference-core";
import { LangChainInstrumentation } from "@arizeai/openinference-instrumentation-langchain";
import { OpenAIInstrumentation } from "@arizeai/openinference-instrumentation-openai";
import * as callbacks from "@langchain/core/callbacks/manager";
import { NodeSDK } from "@opentelemetry/sdk-node";
import OpenAI from "openai";
import { ask, askStreaming } from "./agent.mjs";

const [langchain, openai] = [new LangChainInstrumentation(), new OpenAIInstrumentation()];
const sdk = new NodeSDK({ serviceName: "weather-agent", instrumentations: [langchain, openai] });
sdk.start();
langchain.manuallyInstrument(callbacks);
openai.manuallyInstrument(OpenAI);

const agent = traceAgent(process.env.STREAMING ? askStreaming : ask, { name: "weather" });
console.log(await agent());
await sdk.shutdown();
