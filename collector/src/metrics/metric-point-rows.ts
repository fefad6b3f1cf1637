import { OTEL, type RunledgerRecord, rowName } from "@runledger/contract";

/** A row of `metric_points` (storage/clickhouse/0007_metric_points.sql): a data point. Times are RFC 3339. */
export interface MetricPointRow {
  tenant: string;
  name: string;
  type: string;
  unit: string;
  temporality: string;
  monotonic: boolean;
  attributes: string;
  service_name: string;
  scope_name: string;
  start_time: string;
  time: string;
  received_time: string;
  value: number | null;
  count: number | null;
  sum: number | null;
  min: number | null;
  max: number | null;
  bucket_counts: number[];
  explicit_bounds: number[];
  record_id: string;
  point: number;
  journal_seq: number;
}

type Members = Readonly<Record<string, unknown>>;

/** The rows of a `metric` record, as `normalizeMetric` makes it. `journalSeq` is 0 when made from the log. */
export function metricPointRows(
  record: Omit<RunledgerRecord, "payloads" | "conflict">,
  journalSeq: number,
): MetricPointRow[] {
  const { attributes: metric, resource, scope } = record;
  const points = Array.isArray(metric["data_points"]) ? metric["data_points"].filter(isMembers) : [];
  return points.map((point, index) => {
    const time = textOf(point["time"]) || record.end_time;
    return {
      tenant: record.tenant,
      name: rowName(record.name),
      type: textOf(metric["type"]),
      unit: rowName(textOf(metric["unit"])),
      temporality: textOf(metric["temporality"]),
      monotonic: metric["monotonic"] === true,
      attributes: JSON.stringify(withShortNames(point["attributes"] ?? {})),
      service_name: rowName(textOf(resource[OTEL.serviceName])),
      scope_name: rowName(scope.name),
      start_time: textOf(point["start_time"]) || time,
      time,
      received_time: record.received_time,
      value: numberOf(point["as_int"] ?? point["as_double"]),
      count: countOf(point["count"]),
      sum: numberOf(point["sum"]),
      min: numberOf(point["min"]),
      max: numberOf(point["max"]),
      bucket_counts: listOf(point["bucket_counts"], countOf),
      explicit_bounds: listOf(point["explicit_bounds"], numberOf),
      record_id: record.record_id,
      point: index,
      journal_seq: journalSeq,
    };
  });
}

/** Keys and values, whatever is in them. */
function withShortNames(value: unknown): unknown {
  if (typeof value === "string") return rowName(value);
  if (Array.isArray(value)) return value.map(withShortNames);
  if (!isMembers(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [rowName(key), withShortNames(member)]));
}

function isMembers(value: unknown): value is Members {
  return typeof value === "object" && value !== null;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** What JSON could not say as a number is an object here. */
function numberOf(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

function countOf(value: unknown): number | null {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : null;
}

/** All of the list, or none of it. */
function listOf(value: unknown, itemOf: (item: unknown) => number | null): number[] {
  const items = Array.isArray(value) ? value.map(itemOf) : [];
  return items.every((item) => item !== null) ? items : [];
}
