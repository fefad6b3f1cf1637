import type { Context, ContextManager, Span, SpanContext } from "@opentelemetry/api";
import type { Failures } from "../failures.ts";

/** Runs the agent's code below a span of ours, as far as the user's own OpenTelemetry is concerned. */
export type WithinSpan = <T>(span: SpanContext, work: () => T) => T;

/**
 * Where the registered set-up of OpenTelemetry is found, and in a context the span; both by names that its API never changes within a major
 * version. Read like this because the API of one version refuses what another one registered.
 */
const API = Symbol.for("opentelemetry.js.api.1");
const SPAN = Symbol.for("OpenTelemetry Context Key SPAN");

/**
 * Spans that others make in a wrapped agent become part of its run: what both they and we tell of is known to be one call only within a
 * run. Without a context manager registered nothing is done. It is no part of how the agent's own code is called: a failure runs it without.
 */
export function joinOpenTelemetry(failures: Failures): WithinSpan {
  const places = globalThis as unknown as Record<symbol, { context?: ContextManager } | undefined>;
  return (span, work) => {
    const manager = places[API]?.context;
    if (manager === undefined) return work();
    const context: Context | undefined = failures.attempt("capture", () =>
      manager.active().setValue(SPAN, parentSpan(span)),
    );
    return context === undefined ? work() : manager.with(context, work);
  };
}

export const apartFromOpenTelemetry: WithinSpan = (_span, work) => work();

/** Nobody writes to it: it is only who the parent is. */
function parentSpan(context: SpanContext): Span {
  const span: Span = {
    spanContext: () => context,
    setAttribute: () => span,
    setAttributes: () => span,
    addEvent: () => span,
    addLink: () => span,
    addLinks: () => span,
    setStatus: () => span,
    updateName: () => span,
    end: () => undefined,
    isRecording: () => false,
    recordException: () => undefined,
  };
  return span;
}

/** Does what OpenTelemetry exports by its environment go where our records go? Then each call would be told by two. */
export function exportsToSameHost(endpoint: string, otelEndpoint: string | undefined): boolean {
  const other = otelEndpoint === undefined ? null : URL.parse(otelEndpoint);
  return other !== null && hostOf(other) === hostOf(new URL(endpoint));
}

function hostOf({ hostname }: URL): string {
  return ["localhost", "[::1]"].includes(hostname) ? "127.0.0.1" : hostname;
}
