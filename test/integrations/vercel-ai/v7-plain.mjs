import { openai } from "@ai-sdk/openai";
import { OpenTelemetry } from "@ai-sdk/otel";
import { NodeSDK } from "@opentelemetry/sdk-node";
import * as ai from "ai";
import { runOperations } from "./operations.mjs";

const sdk = new NodeSDK({ serviceName: "weather" });
sdk.start();
ai.registerTelemetry(new OpenTelemetry());
await runOperations(ai, openai, (functionId) => ({ telemetry: { functionId } }), "v4");
await sdk.shutdown();
