import { GEN_AI } from "@runledger/contract";
import { type Counts, countRejected, countUndecodable, createCounts, LATEST_UNIX_NANO } from "./faults.ts";
import type { Group } from "./group.ts";
import { dataOf, METRIC_KINDS, type Metric } from "./metric.ts";

/** Why the data points of a metric are not taken. Each is a label of the rejection counter. */
export type MetricFault = "undecodable" | "not_gen_ai" | "data" | "time";

/** For the sender. */
export const METRIC_FAULTS: Record<MetricFault, string> = {
  undecodable: "a field of the metric can't be read",
  not_gen_ai: "only metrics named gen_ai.* are kept here; send others elsewhere",
  data: "a metric must have exactly one kind of data: gauge, sum, histogram, exponential histogram or summary",
  time: "the times of data points must be before 2262, and set",
};

/** Null for a metric that can be recorded. Pure: receiving and integrating come to the same verdict on the same bytes. */
export function checkMetric(metric: Metric): MetricFault | null {
  if (!metric.name.startsWith(GEN_AI.prefix)) return "not_gen_ai";
  const points = dataOf(metric)?.data.dataPoints;
  if (points === undefined) return "data";
  const isTimed = points.every(
    ({ startTimeUnixNano: start, timeUnixNano: time }) =>
      time > 0n && time <= LATEST_UNIX_NANO && start <= LATEST_UNIX_NANO,
  );
  return isTimed ? null : "time";
}

/** Counts data points, as the answer does: a metric that can't be decoded counts as one, one without points as none. */
export function countDataPoints(groups: readonly Group<Metric>[]): Counts {
  const counts = createCounts();
  for (const { items, undecodable } of groups) {
    for (const metric of items) {
      const points = METRIC_KINDS.reduce((sum, kind) => sum + (metric[kind]?.dataPoints.length ?? 0), 0);
      if (points === 0) continue;
      const fault = checkMetric(metric);
      if (fault === null) counts.accepted += points;
      else countRejected(counts, fault, points);
    }
    countUndecodable(counts, undecodable);
  }
  return counts;
}
