import { observeOpenAI } from "@langfuse/openai";
import { LangfuseSpanProcessor } from "@langfuse/otel";
import { propagateAttributes, startActiveObservation, startObservation } from "@langfuse/tracing";
import { NodeSDK } from "@opentelemetry/sdk-node";
import OpenAI from "openai";
import { RUN } from "./told.ts";
import { converse } from "./with-openai.mjs";

const sdk = new NodeSDK({ serviceName: "desk", spanProcessors: [new LangfuseSpanProcessor()] });
sdk.start();

const observed = (asType, name, input, metadata, run) =>
  startActiveObservation(
    name,
    async (observation) => {
      observation.update({ input, metadata });
      const output = await run();
      observation.update({ output });
      return output;
    },
    { asType },
  );

const about = { sessionId: RUN.session, userId: RUN.user, traceName: RUN.taskType, version: RUN.version };
await propagateAttributes(about, () =>
  converse(observeOpenAI(new OpenAI({ maxRetries: 0 })), {
    agent: (run) => observed("agent", RUN.agent, null, {}, run),
    tool: (name, id, given, run) => observed("tool", name, given, { toolCallId: id }, run),
    retriever: (query, run) => observed("retriever", "house-rules", { query }, {}, run),
    guardrail: (text, message) =>
      startObservation(
        "no-threats",
        { input: text, level: "ERROR", statusMessage: message },
        { asType: "guardrail" },
      ).end(),
  }),
);
await sdk.shutdown();
