import { RUNLEDGER, rfc3339FromUnixNano } from "@runledger/contract";
import { jsonOfValue } from "../otlp/attribute-json.ts";
import { eventNameOf } from "../otlp/check-log.ts";
import { isId } from "../otlp/faults.ts";
import type { LogRecord } from "../otlp/log-record.ts";
import { unixNano } from "../otlp/otlp.ts";
import { attributeMap } from "./attribute-values.ts";
import { otlpFacts } from "./otlp-facts.ts";
import { isRunId } from "./run-id.ts";

/** A log record as it is read: ids in hex, "" for none; times in RFC 3339, null for none; values as JSON. */
export interface LogView {
  traceId: string;
  spanId: string;
  /** "" when it is no event. */
  eventName: string;
  /** When it happened, or else was seen. */
  time: string | null;
  /** null: none. */
  body: unknown;
  /** In the order of their keys; what OTLP has beside the usual as `otlp.*`. */
  attributes: ReadonlyMap<string, unknown>;
}

export function logViewOf(log: LogRecord): LogView {
  const observed = unixNano(log.observedTimeUnixNano);
  const time = unixNano(log.timeUnixNano) || observed;
  const facts = otlpFacts([
    ["severity_number", log.severityNumber],
    ["severity_text", log.severityText],
    ["event_name", log.eventName],
    ["observed_time", observed === 0n ? "" : rfc3339FromUnixNano(observed)],
    ["flags", log.flags],
    ["dropped_attributes_count", log.droppedAttributesCount],
  ]);
  return {
    traceId: isId(log.traceId, 16) ? hex(log.traceId) : "",
    spanId: isId(log.spanId, 8) ? hex(log.spanId) : "",
    eventName: eventNameOf(log),
    time: time === 0n ? null : rfc3339FromUnixNano(time),
    body: jsonOfValue(log.body),
    attributes: attributeMap([...log.attributes, ...facts]),
  };
}

/** The run that it says it belongs to, or its trace; "" when it belongs to none. */
export function runIdOf({ attributes, traceId }: LogView): string {
  const runId = attributes.get(RUNLEDGER.runId);
  return isRunId(runId) ? runId : traceId;
}

function hex(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString("hex");
}
