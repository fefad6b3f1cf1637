/** How a field is written. `optional` ones are absent when not sent; the others have protobuf's zero value then. */
export type FieldKind =
  | "text"
  | "id"
  | "attributes"
  | "bool"
  | "enum"
  | "uint32"
  | "sint32"
  | "fixed64"
  | "optional sfixed64"
  | "double"
  | "optional double"
  | "fixed64s"
  | "uint64s"
  | "doubles"
  | { message: Shape }
  | { messages: Shape };

/** Fields of a message by their JSON name: number and kind. */
export type Shape = Readonly<Record<string, readonly [number: number, kind: FieldKind]>>;

/** Names of the values of AggregationTemporality, the only enum in metrics. */
export const TEMPORALITIES = ["UNSPECIFIED", "DELTA", "CUMULATIVE"].map((name) => `AGGREGATION_TEMPORALITY_${name}`);

const EXEMPLAR: Shape = {
  filteredAttributes: [7, "attributes"],
  timeUnixNano: [2, "fixed64"],
  asDouble: [3, "optional double"],
  asInt: [6, "optional sfixed64"],
  spanId: [4, "id"],
  traceId: [5, "id"],
};
const NUMBER_POINT: Shape = {
  attributes: [7, "attributes"],
  startTimeUnixNano: [2, "fixed64"],
  timeUnixNano: [3, "fixed64"],
  asDouble: [4, "optional double"],
  asInt: [6, "optional sfixed64"],
  exemplars: [5, { messages: EXEMPLAR }],
  flags: [8, "uint32"],
};
const HISTOGRAM_POINT: Shape = {
  attributes: [9, "attributes"],
  startTimeUnixNano: [2, "fixed64"],
  timeUnixNano: [3, "fixed64"],
  count: [4, "fixed64"],
  sum: [5, "optional double"],
  bucketCounts: [6, "fixed64s"],
  explicitBounds: [7, "doubles"],
  exemplars: [8, { messages: EXEMPLAR }],
  flags: [10, "uint32"],
  min: [11, "optional double"],
  max: [12, "optional double"],
};
const BUCKETS: Shape = { offset: [1, "sint32"], bucketCounts: [2, "uint64s"] };
const EXPONENTIAL_POINT: Shape = {
  attributes: [1, "attributes"],
  startTimeUnixNano: [2, "fixed64"],
  timeUnixNano: [3, "fixed64"],
  count: [4, "fixed64"],
  sum: [5, "optional double"],
  scale: [6, "sint32"],
  zeroCount: [7, "fixed64"],
  positive: [8, { message: BUCKETS }],
  negative: [9, { message: BUCKETS }],
  flags: [10, "uint32"],
  exemplars: [11, { messages: EXEMPLAR }],
  min: [12, "optional double"],
  max: [13, "optional double"],
  zeroThreshold: [14, "double"],
};
const SUMMARY_POINT: Shape = {
  attributes: [7, "attributes"],
  startTimeUnixNano: [2, "fixed64"],
  timeUnixNano: [3, "fixed64"],
  count: [4, "fixed64"],
  sum: [5, "double"],
  quantileValues: [6, { messages: { quantile: [1, "double"], value: [2, "double"] } }],
  flags: [8, "uint32"],
};
const POINTS = (point: Shape): Shape => ({ dataPoints: [1, { messages: point }] });
const TEMPORAL_POINTS = (point: Shape): Shape => ({ ...POINTS(point), aggregationTemporality: [2, "enum"] });

/** OTLP's Metric as metrics.proto has it (https://github.com/open-telemetry/opentelemetry-proto, v1): one table for both encodings. */
export const METRIC: Shape = {
  name: [1, "text"],
  description: [2, "text"],
  unit: [3, "text"],
  gauge: [5, { message: POINTS(NUMBER_POINT) }],
  sum: [7, { message: { ...TEMPORAL_POINTS(NUMBER_POINT), isMonotonic: [3, "bool"] } }],
  histogram: [9, { message: TEMPORAL_POINTS(HISTOGRAM_POINT) }],
  exponentialHistogram: [10, { message: TEMPORAL_POINTS(EXPONENTIAL_POINT) }],
  summary: [11, { message: POINTS(SUMMARY_POINT) }],
  metadata: [12, "attributes"],
};

/** A message of a shape; what each member is, its shape tells. */
export type Shaped = Record<string, unknown>;

/** The message when nothing of it was sent. */
export function emptyOf(shape: Shape): Shaped {
  const message: Shaped = {};
  for (const [name, [, kind]] of Object.entries(shape)) {
    const zero = zeroOf(kind);
    if (zero !== undefined) message[name] = zero;
  }
  return message;
}

function zeroOf(kind: FieldKind): unknown {
  if (typeof kind === "object") return "messages" in kind ? [] : undefined;
  if (kind.startsWith("optional")) return undefined;
  if (kind === "text") return "";
  if (kind === "id") return Buffer.alloc(0);
  if (kind === "bool") return false;
  if (kind === "fixed64") return 0n;
  return kind === "attributes" || kind.endsWith("s") ? [] : 0;
}
