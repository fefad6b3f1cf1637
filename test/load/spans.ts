import { randomBytes } from "node:crypto";
import { encodeTraces } from "@runledger/collector";

/** A batch as an agent's exporter sends it: prebuilt once, made unique for each request by patching its ids. */
export interface SpanBatch {
  spans: number;
  /** The request's body, with ids that were never given out before. The buffer is fresh, everything else is the same. */
  next(): Buffer;
}

const TOOL_RESULT = JSON.stringify([
  {
    role: "tool",
    parts: [
      {
        type: "tool_call_response",
        id: "call_9aF2",
        response: { order: "A-10293", state: "shipped", carrier: "DHL", eta: "2026-03-04" },
      },
    ],
  },
]);
const ANSWER = JSON.stringify([
  {
    role: "assistant",
    parts: [{ type: "text", content: "Your order A-10293 has left our warehouse and should arrive on Wednesday." }],
    finish_reason: "stop",
  },
]);

/** `spans` model calls of about 1.1 KB each, in runs of eight spans. */
export function createSpanBatch(spans: number, startUnixMs: number): SpanBatch {
  const template = Buffer.from(encodeTraces(requestOf(spans, startUnixMs)));
  const traceIds = offsetsOf(template, 0xa1, 16);
  const spanIds = offsetsOf(template, 0xb2, 8);
  return {
    spans,
    next() {
      const body = Buffer.from(template);
      const random = randomBytes(16 + 8);
      for (const [index, offset] of traceIds.entries()) {
        random.copy(body, offset, 0, 16);
        body.writeUInt16BE(index >> 3, offset + 14);
      }
      for (const [index, offset] of spanIds.entries()) {
        random.copy(body, offset, 16, 24);
        body.writeUInt16BE(index, offset + 6);
      }
      return body;
    },
  };
}

/** Placeholders are runs of one byte: text in the batch has none of them. */
function offsetsOf(template: Buffer, byte: number, length: number): number[] {
  const placeholder = Buffer.alloc(length, byte);
  const offsets: number[] = [];
  for (let at = template.indexOf(placeholder); at >= 0; at = template.indexOf(placeholder, at + length))
    offsets.push(at);
  return offsets;
}

function requestOf(spans: number, startUnixMs: number): object {
  return {
    resourceSpans: [
      {
        resource: {
          attributes: [
            text("service.name", "support-agent"),
            text("service.version", "1.4.0"),
            text("host.name", "agents-7"),
          ],
        },
        scopeSpans: [
          {
            scope: { name: "@runledger/sdk", version: "0.1.0" },
            spans: Array.from({ length: spans }, (_, index) => spanOf(index, startUnixMs)),
          },
        ],
      },
    ],
  };
}

function spanOf(index: number, startUnixMs: number): object {
  return {
    traceId: Buffer.alloc(16, 0xa1),
    spanId: Buffer.alloc(8, 0xb2),
    name: "chat gpt-4.1-mini",
    kind: 3,
    startTimeUnixNano: nanos(startUnixMs + index),
    endTimeUnixNano: nanos(startUnixMs + index + 840),
    attributes: [
      text("gen_ai.operation.name", "chat"),
      text("gen_ai.provider.name", "openai"),
      text("gen_ai.request.model", "gpt-4.1-mini"),
      text("gen_ai.response.model", "gpt-4.1-mini-2025-04-14"),
      text("gen_ai.response.id", `chatcmpl-${String(index).padStart(24, "0")}`),
      text("gen_ai.conversation.id", "ticket-48213"),
      text("gen_ai.agent.name", "support"),
      text("gen_ai.agent.version", "1.4.0"),
      whole("gen_ai.usage.input_tokens", 1834 + index),
      whole("gen_ai.usage.output_tokens", 212),
      whole("gen_ai.usage.cache_read.input_tokens", 1024),
      { key: "gen_ai.request.temperature", value: { doubleValue: 0.2 } },
      { key: "gen_ai.response.finish_reasons", value: { arrayValue: { values: [{ stringValue: "stop" }] } } },
      text("server.address", "api.openai.com"),
      whole("server.port", 443),
      text("runledger.task.type", "ticket"),
      text("gen_ai.input.messages", TOOL_RESULT),
      text("gen_ai.output.messages", ANSWER),
    ],
    status: { code: 1 },
  };
}

function text(key: string, value: string): object {
  return { key, value: { stringValue: value } };
}

function whole(key: string, value: number): object {
  return { key, value: { intValue: value } };
}

/** Nanoseconds in the form that the protobuf encoder takes. */
function nanos(unixMs: number): object {
  const value = BigInt(unixMs) * 1_000_000n;
  return { low: Number(BigInt.asIntN(32, value)), high: Number(value >> 32n), unsigned: true };
}
