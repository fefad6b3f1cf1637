import { GEN_AI, OTEL, RUNLEDGER } from "@runledger/contract";
import { type Counts, countRejected, countUndecodable, createCounts, isId, LATEST_UNIX_NANO } from "./faults.ts";
import type { Group } from "./group.ts";
import type { LogRecord } from "./log-record.ts";
import { unixNano } from "./otlp.ts";

/** Why a log record is not taken. Each is a label of the rejection counter. */
export type LogFault = "undecodable" | "trace_id" | "span_id" | "time" | "not_of_a_run";

/** For the sender. */
export const LOG_FAULTS: Record<LogFault, string> = {
  undecodable: "a field of the log record can't be read",
  trace_id: "the trace id must be empty or 16 bytes",
  span_id: "the span id must be empty or 8 bytes",
  time: "the time must be before 2262",
  not_of_a_run: "only log records with a trace id, and events named gen_ai.*, are kept here; send other logs elsewhere",
};

/** Null for a log record that can be recorded. Pure: receiving and integrating come to the same verdict on the same bytes. */
export function checkLog(log: LogRecord): LogFault | null {
  if (log.traceId.length !== 0 && log.traceId.length !== 16) return "trace_id";
  if (log.spanId.length !== 0 && log.spanId.length !== 8) return "span_id";
  if (unixNano(log.timeUnixNano) > LATEST_UNIX_NANO || unixNano(log.observedTimeUnixNano) > LATEST_UNIX_NANO)
    return "time";
  const belongs = isId(log.traceId, 16) || hasRunId(log) || eventNameOf(log).startsWith(GEN_AI.prefix);
  return belongs ? null : "not_of_a_run";
}

/** The event's name, wherever the SDK puts it; "" when the record is no event. */
export function eventNameOf({ eventName, attributes }: LogRecord): string {
  return eventName || (textOf(attributes, OTEL.eventName) ?? "");
}

function hasRunId({ attributes }: LogRecord): boolean {
  return (textOf(attributes, RUNLEDGER.runId) ?? "") !== "";
}

function textOf(attributes: LogRecord["attributes"], key: string): string | null {
  return attributes.findLast((attribute) => attribute.key === key)?.value?.stringValue ?? null;
}

export function countLogs(groups: readonly Group<LogRecord>[]): Counts {
  const counts = createCounts();
  for (const { items, undecodable } of groups) {
    for (const log of items) {
      const fault = checkLog(log);
      if (fault === null) counts.accepted += 1;
      else countRejected(counts, fault, 1);
    }
    countUndecodable(counts, undecodable);
  }
  return counts;
}
