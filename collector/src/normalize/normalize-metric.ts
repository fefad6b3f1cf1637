import { MAX_UNIX_NANO, rfc3339FromUnixNano, type SpanOrigin } from "@runledger/contract";
import { jsonOfAttributes, jsonOfValue } from "../otlp/attribute-json.ts";
import { dataOf, type Metric } from "../otlp/metric.ts";
import { TEMPORALITIES } from "../otlp/metric-shape.ts";
import type { KeyValue } from "../otlp/otlp.ts";
import { exactNumber } from "../otlp/protobuf-reader.ts";
import { sha256Hex } from "./content-hash.ts";
import type { Reception } from "./normalize-span.ts";
import type { NormalizedRecord } from "./normalized.ts";

/**
 * Brings a metric that was checked before into the normal form: a record of no run, whose `attributes` are the metric:
 * `{type, description, unit, temporality, monotonic, metadata, data_points: [{attributes, start_time, time, value | count, sum, …}]}`, named as in OTLP with underscores.
 */
export function normalizeMetric(metric: Metric, origin: SpanOrigin, reception: Reception): NormalizedRecord {
  const found = dataOf(metric);
  if (found === null) throw new Error(`the metric ${metric.name} was not checked before`);
  const { kind, data } = found;
  const attributes: Record<string, unknown> = {
    type: snakeCase(kind),
    description: metric.description,
    unit: metric.unit,
    temporality: temporalityOf(data.aggregationTemporality),
    monotonic: data.isMonotonic ?? null,
    metadata: jsonOfAttributes(metric.metadata),
    data_points: data.dataPoints.map((point) => jsonOfMember(point)),
  };
  const times = data.dataPoints.flatMap(({ startTimeUnixNano: start, timeUnixNano: time }) =>
    start === 0n ? [time] : [start, time],
  );
  const earliest = times.reduce((a, b) => (a < b ? a : b));
  const latest = times.reduce((a, b) => (a > b ? a : b));
  const { name, version, attributes: scopeAttributes = null } = origin.scope;
  const scope = [name, version, scopeAttributes];
  return {
    facts: {
      v: 1,
      record_id: sha256Hex(JSON.stringify(["metric", metric.name, attributes, origin.resourceSha256, scope])),
      tenant: reception.tenant,
      event: "metric",
      kind: "other",
      name: metric.name,
      operation: null,
      run_id: "",
      trace_id: "",
      step_id: "",
      parent_id: null,
      root: false,
      dialect: "otel-genai",
      start_time: rfc3339FromUnixNano(earliest),
      end_time: rfc3339FromUnixNano(latest),
      received_time: reception.receivedTime,
      status: "unset",
      error: null,
      run_seq: null,
      run: {
        task_id: null,
        task_type: null,
        agent_name: null,
        agent_version: null,
        session_id: null,
        user_id: null,
        heartbeat_interval_ms: null,
      },
      llm: null,
      tool: null,
      end: null,
      cost: null,
      attributes,
      events: [],
      links: [],
      resource: origin.resource,
      scope: origin.scope,
    },
    content: {},
    inputPreview: "",
    outputPreview: "",
  };
}

function temporalityOf(code: number | undefined): string | number | null {
  if (code === undefined) return null;
  return TEMPORALITIES[code]?.replace("AGGREGATION_TEMPORALITY_", "").toLowerCase() ?? code;
}

/** A message's members under OTLP's names with underscores; times are RFC 3339, those that are not set left out. */
function jsonOfMember(value: unknown): unknown {
  if (typeof value === "bigint") return jsonOfValue({ intValue: exactNumber(value) });
  if (typeof value === "number") return jsonOfValue({ doubleValue: value });
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (Array.isArray(value)) return value.map(jsonOfMember);
  if (typeof value !== "object" || value === null) return value;
  const json: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value)) {
    if (name === "attributes" || name === "filteredAttributes")
      json[snakeCase(name)] = jsonOfAttributes(member as KeyValue[]);
    else if (name.endsWith("UnixNano")) {
      if (member !== 0n) json[snakeCase(name.replace("UnixNano", ""))] = timeOf(member as bigint);
    } else json[snakeCase(name)] = jsonOfMember(member);
  }
  return json;
}

/** An exemplar's time is the sender's word only: one that RFC 3339 can't say stays a number of nanoseconds. */
function timeOf(unixNano: bigint): string {
  return unixNano > MAX_UNIX_NANO ? unixNano.toString() : rfc3339FromUnixNano(unixNano);
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
