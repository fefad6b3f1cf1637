import { openai } from "@ai-sdk/openai-v3";
import { NodeSDK } from "@opentelemetry/sdk-node";
import * as ai from "ai-v6";
import { converse } from "./ai.mjs";
import { RUN } from "./told.ts";

const sdk = new NodeSDK({ serviceName: "desk" });
sdk.start();
const metadata = { sessionId: RUN.session, userId: RUN.user, agentVersion: RUN.version, taskType: RUN.taskType };
await converse(ai, openai, {
  experimental_telemetry: { isEnabled: true, functionId: RUN.agent, metadata },
});
await sdk.shutdown();
