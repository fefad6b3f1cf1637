// #region docs
import { openai } from "@ai-sdk/openai";
import { OpenTelemetry } from "@ai-sdk/otel";
import { NodeSDK } from "@opentelemetry/sdk-node";
import { registerTelemetry, ToolLoopAgent } from "ai";
import { weatherTools } from "./tools.mjs";

const sdk = new NodeSDK({ serviceName: "weather" });
sdk.start();
registerTelemetry(new OpenTelemetry({ usage: true, runtimeContext: true }));

const agent = new ToolLoopAgent({
  model: openai("gpt-4o"),
  instructions: "You tell the weather.",
  tools: weatherTools,
  telemetry: { functionId: "weather-agent", includeRuntimeContext: { sessionId: true, userId: true } },
  runtimeContext: { sessionId: "session-1", userId: "user-1" },
});
const { text } = await agent.generate({ prompt: "What should I wear in Paris?" });
// #endregion

console.log(text);
const stream = await agent.stream({ prompt: "And in Rome?" });
await stream.consumeStream();
await sdk.shutdown();
