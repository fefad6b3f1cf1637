import type { JournalFrame } from "@runledger/storage";
import { MAX_UNPACKED_BYTES } from "./accepted-spans.ts";
import { checkLog } from "./check-log.ts";
import { checkMetric } from "./check-metric.ts";
import { decodeLogs, decodeMetrics } from "./decode.ts";
import type { Group } from "./group.ts";
import type { LogRecord } from "./log-record.ts";
import { dataOf, type Metric } from "./metric.ts";
import { unpackBodySync } from "./unpack.ts";

type Frame = Pick<JournalFrame, "format" | "encoding" | "body">;

/** The log records of a journal frame that the receiver accepted, in their order. Always the same for the same frame. */
export function decodeAcceptedLogs({ body, encoding, format }: Frame): Group<LogRecord>[] {
  const groups = decodeLogs(unpackBodySync(body, encoding, MAX_UNPACKED_BYTES), format);
  return groups.map((group) => ({ ...group, items: group.items.filter((log) => checkLog(log) === null) }));
}

/** The same for metrics; what has no data points was not counted, and is left out. */
export function decodeAcceptedMetrics({ body, encoding, format }: Frame): Group<Metric>[] {
  const isTaken = (metric: Metric) => checkMetric(metric) === null && dataOf(metric)?.data.dataPoints.length !== 0;
  const groups = decodeMetrics(unpackBodySync(body, encoding, MAX_UNPACKED_BYTES), format);
  return groups.map((group) => ({ ...group, items: group.items.filter(isTaken) }));
}
