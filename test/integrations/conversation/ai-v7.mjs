import { openai } from "@ai-sdk/openai";
import { OpenTelemetry } from "@ai-sdk/otel";
import { NodeSDK } from "@opentelemetry/sdk-node";
import * as ai from "ai";
import { converse } from "./ai.mjs";
import { RUN } from "./told.ts";

const sdk = new NodeSDK({ serviceName: "desk" });
sdk.start();
ai.registerTelemetry(new OpenTelemetry({ usage: true, runtimeContext: true, embedding: true }));
const runtimeContext = { sessionId: RUN.session, userId: RUN.user, agentVersion: RUN.version, taskType: RUN.taskType };
const includeRuntimeContext = Object.fromEntries(Object.keys(runtimeContext).map((name) => [name, true]));
await converse(ai, openai, { telemetry: { functionId: RUN.agent, includeRuntimeContext }, runtimeContext });
await sdk.shutdown();
