import { openai } from "@ai-sdk/openai";
import { Mastra } from "@mastra/core";
import { Agent } from "@mastra/core/agent";
import { SpanType } from "@mastra/core/observability";
import { createTool } from "@mastra/core/tools";
import { Observability } from "@mastra/observability";
import { OtelExporter } from "@mastra/otel-exporter";
import { z } from "zod";
import { EARLIER, PICTURE, QUESTION, RUN, SETTINGS, SYSTEM, TOOLS } from "./told.ts";

const endpoint = `${process.env.OTEL_EXPORTER_OTLP_ENDPOINT}/v1/traces`;
const exporter = new OtelExporter({ provider: { custom: { endpoint, protocol: "http/protobuf" } } });
const settings = { serviceName: "desk", exporters: [exporter], excludeSpanTypes: [SpanType.MODEL_CHUNK] };
const observability = new Observability({ configs: { otel: settings } });
const inputSchema = z.object({ number: z.string() });
const tools = Object.fromEntries(
  Object.entries(TOOLS).map(([id, { description, execute }]) => [
    id,
    createTool({ id, description, inputSchema, execute: ({ number }) => execute({ number }) }),
  ]),
);
const clerk = new Agent({
  id: RUN.agent,
  name: RUN.agent,
  instructions: SYSTEM,
  model: openai.chat("gpt-4o"),
  tools,
});
const agent = new Mastra({ agents: { clerk }, observability, logger: false }).getAgent("clerk");

const { maxTokens: maxOutputTokens, stop: stopSequences, ...others } = SETTINGS;
const { session: sessionId, user: userId, version: agentVersion, taskType } = RUN;
const options = {
  tracingOptions: { metadata: { sessionId, userId, agentVersion, taskType } },
  modelSettings: { maxOutputTokens, stopSequences, maxRetries: 0, ...others },
  maxSteps: 1,
};
const picture = { type: "image", image: new URL(PICTURE) };
const messages = [...EARLIER, { role: "user", content: [{ type: "text", text: QUESTION }, picture] }];
const first = await agent.generate(messages, options);
const stream = await agent.stream([...messages, ...first.response.messages], options);
for await (const _word of stream.textStream);
for (const words of ["Once more?", "And again?"]) await agent.generate(words, options).catch(() => {});
await observability.shutdown();
