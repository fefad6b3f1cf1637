import type { BodyFormat, JournalFrame } from "@runledger/storage";
import { countLogs, LOG_FAULTS } from "./check-log.ts";
import { countDataPoints, METRIC_FAULTS } from "./check-metric.ts";
import { countSpans, SPAN_FAULTS } from "./check-span.ts";
import { decodeLogs, decodeMetrics, decodeTraces } from "./decode.ts";
import { type Counts, describeFaults } from "./faults.ts";

/** What is taken of a request: its spans, its log records, or its metrics' data points. */
export interface Verdict {
  accepted: number;
  /** By fault. */
  rejected: ReadonlyMap<string, number>;
  /** For the sender: why what was rejected was, and what to do; "" when all was accepted. */
  message: string;
}

/** Decides about a request that is not compressed any more. @throws OtlpError `malformed` when none of it can be taken. */
export function verdictOn(signal: JournalFrame["signal"], body: Buffer, format: BodyFormat): Verdict {
  switch (signal) {
    case "traces":
      return verdictOf(countSpans(decodeTraces(body, format)), SPAN_FAULTS);
    case "logs":
      return verdictOf(countLogs(decodeLogs(body, format)), LOG_FAULTS);
    case "metrics":
      return verdictOf(countDataPoints(decodeMetrics(body, format)), METRIC_FAULTS);
  }
}

function verdictOf(counts: Counts, whatToDo: Readonly<Record<string, string>>): Verdict {
  return { accepted: counts.accepted, rejected: counts.rejected, message: describeFaults(counts, whatToDo) };
}
