import type { KeyValue } from "./otlp.ts";

/** OTLP's Metric, by the rules of `otlp.ts`; 64-bit values are bigints. The sender sets one of the five kinds of data. */
export interface Metric {
  readonly name: string;
  readonly description: string;
  readonly unit: string;
  readonly metadata: readonly KeyValue[];
  readonly gauge?: MetricData;
  readonly sum?: MetricData;
  readonly histogram?: MetricData;
  readonly exponentialHistogram?: MetricData;
  readonly summary?: MetricData;
}

export const METRIC_KINDS = ["gauge", "sum", "histogram", "exponentialHistogram", "summary"] as const;
export type MetricKind = (typeof METRIC_KINDS)[number];

export interface MetricData {
  readonly dataPoints: readonly DataPoint[];
  /** OTLP AggregationTemporality: 0 unspecified, 1 delta, 2 cumulative. Absent for kinds that have none. */
  readonly aggregationTemporality?: number;
  readonly isMonotonic?: boolean;
}

/** Of any kind: a kind has some of the optional members, always or where the sender set them. */
export interface DataPoint {
  readonly attributes: readonly KeyValue[];
  /** 0: not told. */
  readonly startTimeUnixNano: bigint;
  readonly timeUnixNano: bigint;
  readonly flags: number;
  readonly asInt?: bigint;
  readonly asDouble?: number;
  readonly count?: bigint;
  readonly sum?: number;
  readonly min?: number;
  readonly max?: number;
  readonly bucketCounts?: readonly bigint[];
  readonly explicitBounds?: readonly number[];
  readonly scale?: number;
  readonly zeroCount?: bigint;
  readonly zeroThreshold?: number;
  readonly positive?: { readonly offset: number; readonly bucketCounts: readonly bigint[] };
  readonly negative?: { readonly offset: number; readonly bucketCounts: readonly bigint[] };
  readonly quantileValues?: readonly { readonly quantile: number; readonly value: number }[];
  readonly exemplars?: readonly object[];
}

/** The data of a metric and their kind; null when the sender set none, or several. */
export function dataOf(metric: Metric): { kind: MetricKind; data: MetricData } | null {
  const set = METRIC_KINDS.flatMap((kind) => {
    const data = metric[kind];
    return data === undefined ? [] : [{ kind, data }];
  });
  return set.length === 1 ? (set[0] ?? null) : null;
}
