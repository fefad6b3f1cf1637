import { openai } from "@ai-sdk/openai-v2";
import { NodeSDK } from "@opentelemetry/sdk-node";
import * as ai from "ai-v5";
import { runOperations } from "./operations.mjs";

const sdk = new NodeSDK({ serviceName: "weather" });
sdk.start();
const settings = (functionId) => ({ experimental_telemetry: { isEnabled: true, functionId } });
await runOperations(ai, openai, settings, "v2");
await sdk.shutdown();
