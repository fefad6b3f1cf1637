import { openai } from "@ai-sdk/openai-v3";
import { LangfuseSpanProcessor } from "@langfuse/otel";
import { propagateAttributes, startActiveObservation } from "@langfuse/tracing";
import { NodeSDK } from "@opentelemetry/sdk-node";
import { generateText, stepCountIs } from "ai-v6";
import { weatherTools } from "../vercel-ai/tools.mjs";

const sdk = new NodeSDK({ serviceName: "weather", spanProcessors: [new LangfuseSpanProcessor()] });
sdk.start();
await propagateAttributes({ sessionId: "session-1", userId: "user-1", traceName: "clothing-advice" }, () =>
  startActiveObservation(
    "weather-agent",
    async (agent) => {
      const { text } = await generateText({
        model: openai("gpt-4o"),
        system: "You tell the weather.",
        prompt: "What should I wear in Paris?",
        tools: weatherTools,
        stopWhen: stepCountIs(5),
        experimental_telemetry: { isEnabled: true },
      });
      agent.update({ output: text });
    },
    { asType: "agent" },
  ),
);
await sdk.shutdown();
