// #region docs
import { openai } from "@ai-sdk/openai";
import { Mastra } from "@mastra/core";
import { Agent } from "@mastra/core/agent";
import { SpanType } from "@mastra/core/observability";
import { Observability } from "@mastra/observability";
import { OtelExporter } from "@mastra/otel-exporter";
import { weatherTools } from "./tools.mjs";

const endpoint = `${process.env.OTEL_EXPORTER_OTLP_ENDPOINT}/v1/traces`;
const exporter = new OtelExporter({ provider: { custom: { endpoint, protocol: "http/protobuf" } } });
const settings = { serviceName: "weather", exporters: [exporter], excludeSpanTypes: [SpanType.MODEL_CHUNK] };
const observability = new Observability({ configs: { otel: settings } });
const weatherAgent = new Agent({
  id: "weather-agent",
  name: "weather-agent",
  instructions: "You tell the weather.",
  model: openai("gpt-4o"),
  tools: weatherTools,
});
const mastra = new Mastra({ agents: { weatherAgent }, observability });

const tracingOptions = { metadata: { sessionId: "session-1", userId: "user-1" } };
const { text } = await mastra.getAgent("weatherAgent").generate("What should I wear in Paris?", { tracingOptions });
// #endregion

console.log(text);
const stream = await mastra.getAgent("weatherAgent").stream("And in Rome?", { tracingOptions });
for await (const _word of stream.textStream);
await mastra
  .getAgent("weatherAgent")
  .generate("Never", { tracingOptions })
  .catch(() => {});
await observability.shutdown();
