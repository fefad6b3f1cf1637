import { Mastra } from "@mastra/core";
import { createStep, createWorkflow } from "@mastra/core/workflows";
import { Observability } from "@mastra/observability";
import { OtelExporter } from "@mastra/otel-exporter";
import { z } from "zod";

const endpoint = `${process.env.OTEL_EXPORTER_OTLP_ENDPOINT}/v1/traces`;
const exporter = new OtelExporter({ provider: { custom: { endpoint, protocol: "http/protobuf" } } });
const observability = new Observability({ configs: { otel: { serviceName: "weather", exporters: [exporter] } } });
const schema = z.object({ degrees: z.number() });
const step = createStep({
  id: "in-fahrenheit",
  inputSchema: schema,
  outputSchema: schema,
  execute: async ({ inputData }) => ({ degrees: inputData.degrees * 1.8 + 32 }),
});
const conversion = createWorkflow({ id: "conversion", inputSchema: schema, outputSchema: schema }).then(step).commit();
const mastra = new Mastra({ workflows: { conversion }, observability, logger: false });
const run = await mastra.getWorkflow("conversion").createRun();
await run.start({ inputData: { degrees: 20 } });
await observability.shutdown();
