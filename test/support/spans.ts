import { randomBytes } from "node:crypto";

/** A span in OTLP/JSON. */
export interface JsonSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: { key: string; value: object }[];
  status?: { code: number; message?: string };
}

export const newTraceId = () => randomBytes(16).toString("hex");
export const newSpanId = () => randomBytes(8).toString("hex");

/** Attributes of plain values, as OTLP/JSON has them. */
export function attributes(values: Record<string, string | number | boolean>): JsonSpan["attributes"] {
  return Object.entries(values).map(([key, value]) => ({
    key,
    value:
      typeof value === "string"
        ? { stringValue: value }
        : typeof value === "boolean"
          ? { boolValue: value }
          : { intValue: String(value) },
  }));
}

/** A GenAI model call of now, with `values` over its attributes. */
export function modelCall(
  traceId: string,
  values: Record<string, string | number | boolean> = {},
  more: Partial<JsonSpan> = {},
): JsonSpan {
  const end = BigInt(Date.now()) * 1_000_000n;
  return {
    traceId,
    spanId: newSpanId(),
    parentSpanId: "00f067aa0ba902b7",
    name: "chat gpt-4o",
    startTimeUnixNano: String(end - 300_000_000n),
    endTimeUnixNano: String(end),
    attributes: attributes({
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": "openai",
      "gen_ai.request.model": "gpt-4o",
      "gen_ai.usage.input_tokens": 100,
      "gen_ai.usage.output_tokens": 10,
      ...values,
    }),
    ...more,
  };
}

export function tracesRequest(spans: JsonSpan[]): object {
  return {
    resourceSpans: [
      {
        resource: { attributes: attributes({ "service.name": "test" }) },
        scopeSpans: [{ scope: { name: "test", version: "1" }, spans }],
      },
    ],
  };
}

/** Posts spans as OTLP/JSON and resolves with the response. */
export function postSpans(
  httpUrl: string,
  spans: JsonSpan[],
  { signal, key }: { signal?: AbortSignal; key?: string | null } = {},
): Promise<Response> {
  return fetch(`${httpUrl}/v1/traces`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(key === undefined || key === null ? {} : { authorization: `Bearer ${key}` }),
    },
    body: JSON.stringify(tracesRequest(spans)),
    signal: signal ?? null,
  });
}
