import { type Attributes, ROOT_CONTEXT, type Span, type SpanContext, SpanKind, trace } from "@opentelemetry/api";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { type ReadableSpan, TracerProvider } from "@opentelemetry/sdk-trace";
import { OTEL, type RecordEvent, RUNLEDGER } from "@runledger/contract";
import type { Failures } from "../failures.ts";
import { SDK_VERSION } from "../version.ts";
import type { Delivery } from "./delivery.ts";

export interface SpanStart {
  /** Undefined: a trace of its own. */
  parent: SpanContext | undefined;
  /** Epoch milliseconds, with fractions. */
  startTime: number;
  /** A call that leaves the process. */
  client: boolean;
  attributes: Attributes;
}

/** Makes spans, and hands each ended one to the delivery. */
export interface Recorder {
  start(name: string, start: SpanStart): Span;
}

/** The tracer provider is ours alone, never registered: another OpenTelemetry set-up in the process is not touched. */
export function createRecorder(delivery: Delivery, failures: Failures, serviceName: string): Recorder {
  const provider = new TracerProvider({
    resource: resourceFromAttributes({
      [OTEL.serviceName]: serviceName,
      [RUNLEDGER.sdkVersion]: SDK_VERSION,
      "process.pid": process.pid,
      "telemetry.sdk.language": "nodejs",
    }),
    spanProcessors: [
      {
        onStart: () => {},
        onEnd: (span) => failures.attempt("record", () => delivery.add(span, isUrgent(span))),
        forceFlush: async () => {},
        shutdown: async () => {},
      },
    ],
  });
  const tracer = provider.getTracer("@runledger/sdk", SDK_VERSION);
  return {
    start(name, { parent, startTime, client, attributes }) {
      const context = parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent);
      const kind = client ? SpanKind.CLIENT : SpanKind.INTERNAL;
      return tracer.startSpan(name, { kind, startTime, attributes }, context);
    },
  };
}

/** A run is to be seen when it begins and when it ends, not a batch later. */
function isUrgent(span: ReadableSpan): boolean {
  const event = span.attributes[RUNLEDGER.event] as RecordEvent | undefined;
  return event === "run_start" || event === "run_end";
}
