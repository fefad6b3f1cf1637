import { openai } from "@ai-sdk/openai-v3";
import { NodeSDK } from "@opentelemetry/sdk-node";
import * as ai from "ai-v6";
import { runOperations } from "./operations.mjs";

const sdk = new NodeSDK({ serviceName: "weather" });
sdk.start();
const settings = (functionId) => ({ experimental_telemetry: { isEnabled: true, functionId } });
await runOperations(ai, openai, settings, "v3");
await sdk.shutdown();
