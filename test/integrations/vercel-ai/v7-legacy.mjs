import { openai } from "@ai-sdk/openai";
import { LegacyOpenTelemetry } from "@ai-sdk/otel";
import { NodeSDK } from "@opentelemetry/sdk-node";
import * as ai from "ai";
import { runOperations } from "./operations.mjs";
import { weatherTools } from "./tools.mjs";

const sdk = new NodeSDK({ serviceName: "weather" });
sdk.start();
ai.registerTelemetry(new LegacyOpenTelemetry());
const agent = new ai.ToolLoopAgent({
  model: openai("gpt-4o"),
  instructions: "You tell the weather.",
  tools: weatherTools,
  telemetry: { functionId: "weather-agent", includeRuntimeContext: { sessionId: true, userId: true } },
  runtimeContext: { sessionId: "session-1", userId: "user-1" },
});
await agent.generate({ prompt: "What should I wear in Paris?" });
const stream = await agent.stream({ prompt: "And in Rome?" });
await stream.consumeStream();
await runOperations(ai, openai, (functionId) => ({ telemetry: { functionId } }), "v4");
await sdk.shutdown();
