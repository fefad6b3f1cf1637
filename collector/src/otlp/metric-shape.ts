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

export interface Field {
  readonly name: string;
  readonly number: number;
  readonly kind: FieldKind;
}

/** A message's fields, under OTLP/JSON's names. */
export interface Shape {
  readonly fields: readonly Field[];
  readonly byNumber: ReadonlyMap<number, Field>;
}

type Given = Readonly<Record<string, readonly [number: number, kind: FieldKind]>>;

function shapeOf(given: Given): Shape {
  const fields = Object.entries(given).map(([name, [number, kind]]) => ({ name, number, kind }));
  return { fields, byNumber: new Map(fields.map((field) => [field.number, field])) };
}

/** Names of the values of AggregationTemporality, the only enum in metrics. */
export const TEMPORALITIES = ["UNSPECIFIED", "DELTA", "CUMULATIVE"].map((name) => `AGGREGATION_TEMPORALITY_${name}`);

const EXEMPLAR = shapeOf({
  filteredAttributes: [7, "attributes"],
  timeUnixNano: [2, "fixed64"],
  asDouble: [3, "optional double"],
  asInt: [6, "optional sfixed64"],
  spanId: [4, "id"],
  traceId: [5, "id"],
});
const NUMBER_POINT = shapeOf({
  attributes: [7, "attributes"],
  startTimeUnixNano: [2, "fixed64"],
  timeUnixNano: [3, "fixed64"],
  asDouble: [4, "optional double"],
  asInt: [6, "optional sfixed64"],
  exemplars: [5, { messages: EXEMPLAR }],
  flags: [8, "uint32"],
});
const HISTOGRAM_POINT = shapeOf({
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
});
const BUCKETS = shapeOf({ offset: [1, "sint32"], bucketCounts: [2, "uint64s"] });
const EXPONENTIAL_POINT = shapeOf({
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
});
const QUANTILE = shapeOf({ quantile: [1, "double"], value: [2, "double"] });
const SUMMARY_POINT = shapeOf({
  attributes: [7, "attributes"],
  startTimeUnixNano: [2, "fixed64"],
  timeUnixNano: [3, "fixed64"],
  count: [4, "fixed64"],
  sum: [5, "double"],
  quantileValues: [6, { messages: QUANTILE }],
  flags: [8, "uint32"],
});
const points = (point: Shape): Given => ({ dataPoints: [1, { messages: point }] });
const temporalPoints = (point: Shape): Given => ({ ...points(point), aggregationTemporality: [2, "enum"] });

/** OTLP's Metric as metrics.proto has it (https://github.com/open-telemetry/opentelemetry-proto, v1): one table for both encodings. */
export const METRIC = shapeOf({
  name: [1, "text"],
  description: [2, "text"],
  unit: [3, "text"],
  gauge: [5, { message: shapeOf(points(NUMBER_POINT)) }],
  sum: [7, { message: shapeOf({ ...temporalPoints(NUMBER_POINT), isMonotonic: [3, "bool"] }) }],
  histogram: [9, { message: shapeOf(temporalPoints(HISTOGRAM_POINT)) }],
  exponentialHistogram: [10, { message: shapeOf(temporalPoints(EXPONENTIAL_POINT)) }],
  summary: [11, { message: shapeOf(points(SUMMARY_POINT)) }],
  metadata: [12, "attributes"],
});

/** A message of a shape; what each member is, its shape tells. */
export type Shaped = Record<string, unknown>;

/** The message when nothing of it was sent. */
export function emptyOf(shape: Shape): Shaped {
  const message: Shaped = {};
  for (const { name, kind } of shape.fields) {
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
