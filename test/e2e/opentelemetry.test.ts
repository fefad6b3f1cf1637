import { type Context, context, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { OTLPTraceExporter as GrpcExporter } from "@opentelemetry/exporter-trace-otlp-grpc";
import { OTLPTraceExporter as JsonExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtobufExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import type { RunDetail, StepDetail, StepList } from "@runledger/contract";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually, getJson, type Product, startProduct, temporaryDir } from "../support/product.ts";

let home: Awaited<ReturnType<typeof temporaryDir>>;
let product: Product;

beforeAll(async () => {
  home = await temporaryDir("opentelemetry");
  product = await startProduct(home.dir);
});

afterAll(async () => {
  await product.stop();
  await home.remove();
});

const MESSAGES = JSON.stringify([{ role: "user", parts: [{ type: "text", content: "Wie geht’s? 🚀" }] }]);

const EXPORTERS = {
  gRPC: () => new GrpcExporter({ url: product.grpcUrl }),
  "HTTP with protobuf": () => new ProtobufExporter({ url: `${product.httpUrl}/v1/traces` }),
  "HTTP with protobuf and gzip": () =>
    new ProtobufExporter({ url: `${product.httpUrl}/v1/traces`, compression: "gzip" as never }),
  "HTTP with JSON": () => new JsonExporter({ url: `${product.httpUrl}/v1/traces` }),
};

/** An agent as an OpenTelemetry instrumentation would report it; resolves with its trace id once all is exported. */
async function reportAgent(exporter: ReturnType<(typeof EXPORTERS)[keyof typeof EXPORTERS]>): Promise<string> {
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ "service.name": "shop" }),
    spanProcessors: [new BatchSpanProcessor({ exporter })],
  });
  const tracer = provider.getTracer("test", "1");
  const root = tracer.startSpan("invoke_agent support", {
    attributes: {
      "gen_ai.operation.name": "invoke_agent",
      "gen_ai.agent.name": "support",
      "gen_ai.input.messages": MESSAGES,
      "shop.order": "A-7731",
    },
  });
  const inRoot: Context = trace.setSpan(context.active(), root);
  const call = tracer.startSpan(
    "chat gpt-4o",
    {
      kind: SpanKind.CLIENT,
      attributes: {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.input.messages": MESSAGES,
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 3,
      },
    },
    inRoot,
  );
  call.end();
  const tool = tracer.startSpan(
    "execute_tool search",
    {
      attributes: {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "search",
        "gen_ai.tool.call.arguments": '{"q":"x"}',
      },
    },
    inRoot,
  );
  tool.setStatus({ code: SpanStatusCode.ERROR, message: "no such index" });
  tool.end();
  root.end();
  await provider.forceFlush();
  await provider.shutdown();
  return root.spanContext().traceId;
}

describe("OpenTelemetry's own exporters", () => {
  it.each(Object.keys(EXPORTERS) as (keyof typeof EXPORTERS)[])("deliver a whole run over %s", async (name) => {
    const runId = await reportAgent(EXPORTERS[name]());
    const run = await eventually(
      () => getJson<RunDetail>(`${product.apiUrl}/v1/runs/${runId}`).catch(() => null),
      (seen) => seen?.steps === 2 && seen.status === "completed",
    );
    expect(run).toMatchObject({
      agent: { name: "support" },
      dialect: "otel-genai",
      llm_calls: 1,
      tool_call_count: 1,
      tool_errors: 1,
      input_tokens: 12,
      output_tokens: 3,
      tools: ["search"],
    });
    expect(run?.tool_calls).toMatchObject([{ tool: "search", success: false, error: { message: "no such index" } }]);
    const { items } = await getJson<StepList>(`${product.apiUrl}/v1/runs/${runId}/steps`);
    const call = items.find((step) => step.kind === "llm");
    const detail = await eventually(
      () => getJson<StepDetail>(`${product.apiUrl}/v1/runs/${runId}/steps/${call?.step_id}`),
      (step) => step.content === "available",
    );
    expect(detail.llm?.messages).toEqual(JSON.parse(MESSAGES));
    expect(run?.roots).toMatchObject([{ name: "support", status: "ok", input_preview: "Wie geht’s? 🚀" }]);
    const whole = await eventually(
      () => getJson<StepDetail>(`${product.apiUrl}/v1/runs/${runId}/steps/${run?.roots[0]?.step_id}`),
      (root) => root.content === "available",
    );
    expect(whole).toMatchObject({
      ...{ seq: 0, kind: "agent", input: JSON.parse(MESSAGES), output: null, attributes: { "shop.order": "A-7731" } },
    });
    expect(items.map((step) => step.step_id)).not.toContain(whole.step_id);
  });
});
