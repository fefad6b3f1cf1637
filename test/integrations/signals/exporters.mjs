// A model call told by OpenTelemetry's own exporters, its content in log events: PROTOCOL grpc | proto | json, ENDPOINT, COMPRESSION gzip | none,
// LOGS first (each in a request of its own, before the span ends) | last (all in one, after the span was sent), EVENTS messages | details.
import { context, DiagConsoleLogger, DiagLogLevel, diag, trace } from "@opentelemetry/api";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchLogRecordProcessor, LoggerProvider, SimpleLogRecordProcessor } from "@opentelemetry/sdk-logs";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";

const { PROTOCOL, ENDPOINT, COMPRESSION, LOGS, EVENTS } = process.env;
diag.setLogger(new DiagConsoleLogger(), DiagLogLevel.WARN); // what was not taken is told there

const library = { grpc: "grpc", proto: "proto", json: "http" }[PROTOCOL];
const exporter = async (signal, className) => {
  const { [className]: Exporter } = await import(
    `@opentelemetry/exporter-${signal === "traces" ? "trace" : signal}-otlp-${library}`
  );
  return new Exporter({ url: PROTOCOL === "grpc" ? ENDPOINT : `${ENDPOINT}/v1/${signal}`, compression: COMPRESSION });
};
const resource = resourceFromAttributes({ "service.name": "signals" });
const spans = new BasicTracerProvider({
  resource,
  spanProcessors: [new BatchSpanProcessor(await exporter("traces", "OTLPTraceExporter"))],
});
const logExporter = await exporter("logs", "OTLPLogExporter");
const Processor = LOGS === "first" ? SimpleLogRecordProcessor : BatchLogRecordProcessor;
const logs = new LoggerProvider({ resource, processors: [new Processor({ exporter: logExporter })] });
const metrics = new MeterProvider({
  resource,
  readers: [new PeriodicExportingMetricReader({ exporter: await exporter("metrics", "OTLPMetricExporter") })],
});

const span = spans.getTracer("agent").startSpan("chat gpt-4o", {
  attributes: { "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o" },
});
const within = trace.setSpan(context.active(), span);
const logger = logs.getLogger("agent");
const timestamp = Date.now();
let told = 0;

function tellContent() {
  // In one request all messages may have one time, as OpenTelemetry's instrumentations give them.
  const timeOf = () => timestamp + (LOGS === "first" ? told++ : 0);
  const emit = (eventName, more) => logger.emit({ eventName, timestamp: timeOf(), context: within, ...more });
  if (EVENTS === "details") {
    emit("gen_ai.client.inference.operation.details", {
      attributes: {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.system_instructions": [{ type: "text", content: "Be kind." }],
        "gen_ai.input.messages": [
          { role: "user", parts: [{ type: "text", content: "yes" }] },
          { role: "user", parts: [{ type: "text", content: "yes" }] },
          { role: "tool", parts: [{ type: "tool_call_response", id: "c1", response: "9007199254740993" }] },
        ],
        "gen_ai.output.messages": [
          { role: "assistant", parts: [{ type: "text", content: "Fine. 🙂" }], finish_reason: "stop" },
        ],
        "gen_ai.tool.definitions": [{ type: "function", name: "add" }],
        "gen_ai.usage.input_tokens": 1000,
      },
    });
  } else {
    emit("gen_ai.system.message", { body: { content: "Be kind." } });
    emit("gen_ai.user.message", { body: { content: "yes" } });
    emit("gen_ai.user.message", { body: { content: "yes" } });
    emit("gen_ai.tool.message", { body: { id: "c1", content: "9007199254740993" } });
    emit("gen_ai.choice", {
      timestamp: timestamp + 10,
      body: { index: 0, finish_reason: "stop", message: { role: "assistant", content: "Fine. 🙂" } },
    });
  }
  emit("gen_ai.evaluation.result", {
    timestamp: timestamp + 11,
    attributes: { "gen_ai.evaluation.name": "kindness", "gen_ai.evaluation.score.value": 0.5 },
  });
  logger.emit({ body: "of no run", timestamp, context: context.active() });
}

async function endSpan() {
  span.setAttributes({ "gen_ai.usage.input_tokens": 12, "gen_ai.usage.output_tokens": 3 });
  span.end();
  await spans.forceFlush();
}

if (LOGS === "last") await endSpan();
tellContent();
await logs.forceFlush();
if (LOGS === "first") await endSpan();

const meter = metrics.getMeter("agent");
meter.createHistogram("gen_ai.client.token.usage", { unit: "{token}" }).record(12, { "gen_ai.token.type": "input" });
meter.createCounter("http.requests").add(1);
await metrics.forceFlush();
await Promise.all([spans.shutdown(), logs.shutdown(), metrics.shutdown()]);
console.log(JSON.stringify({ traceId: span.spanContext().traceId, spanId: span.spanContext().spanId }));
