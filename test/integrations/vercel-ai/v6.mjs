import { openai } from "@ai-sdk/openai-v3";
import { NodeSDK } from "@opentelemetry/sdk-node";
import { ToolLoopAgent } from "ai-v6";
import { weatherTools } from "./tools.mjs";

// #region docs
const sdk = new NodeSDK({ serviceName: "weather" });
sdk.start();

const agent = new ToolLoopAgent({
  model: openai("gpt-4o"),
  instructions: "You tell the weather.",
  tools: weatherTools,
  experimental_telemetry: {
    isEnabled: true,
    functionId: "weather-agent",
    metadata: { sessionId: "session-1", userId: "user-1" },
  },
});
const { text } = await agent.generate({ prompt: "What should I wear in Paris?" });
// #endregion

console.log(text);
const stream = await agent.stream({ prompt: "And in Rome?" });
await stream.consumeStream();
await sdk.shutdown();
