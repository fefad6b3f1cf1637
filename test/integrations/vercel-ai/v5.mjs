import { openai } from "@ai-sdk/openai-v2";
import { NodeSDK } from "@opentelemetry/sdk-node";
import { Experimental_Agent, stepCountIs } from "ai-v5";
import { weatherTools } from "./tools.mjs";

// #region docs
const sdk = new NodeSDK({ serviceName: "weather" });
sdk.start();

const agent = new Experimental_Agent({
  model: openai("gpt-4o"),
  system: "You tell the weather.",
  tools: weatherTools,
  stopWhen: stepCountIs(5),
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
