import { record } from "@runledger/contract";
import { expect, test } from "vitest";
import { metricPointRows } from "../metrics/metric-point-rows.ts";
import { normalizeFrame } from "./normalize-frame.ts";

const RECEIVED = 1_700_000_009_000_000_000n;

function normalized(...metrics: object[]) {
  const resource = { attributes: [{ key: "service.name", value: { stringValue: "shop" } }] };
  const request = { resourceMetrics: [{ resource, scopeMetrics: [{ scope: { name: "lib" }, metrics }] }] };
  const frame = { seq: 1, signal: "metrics", format: "json", encoding: "identity", tenant: "t" } as const;
  const body = Buffer.from(JSON.stringify(request));
  const { records } = normalizeFrame({ ...frame, receivedUnixNano: RECEIVED, body }, () => null);
  for (const { facts } of records) record.parse({ ...facts, conflict: false, payloads: {} });
  return records.map(({ facts }) => facts);
}

const times = { startTimeUnixNano: "1700000000000000001", timeUnixNano: "1700000005000000000" };
const attributes = [{ key: "gen_ai.token.type", value: { stringValue: "input" } }];
const usage = {
  name: "gen_ai.client.token.usage",
  unit: "{token}",
  description: "tokens",
  histogram: {
    aggregationTemporality: "AGGREGATION_TEMPORALITY_CUMULATIVE",
    dataPoints: [
      {
        ...times,
        attributes,
        count: "3",
        sum: 12.5,
        min: 1,
        max: "NaN",
        bucketCounts: ["1", "9007199254740993", "2"],
        explicitBounds: [1, 4],
        exemplars: [{ timeUnixNano: times.timeUnixNano, asInt: "9007199254740993", spanId: "b7ad6b7169203331" }],
      },
      { ...times, count: 2, sum: 3, bucketCounts: [1, 1], explicitBounds: [4] },
    ],
  },
};

test("a metric becomes a record of no run that loses nothing", () => {
  const [facts] = normalized(usage);
  expect(facts).toMatchObject({
    event: "metric",
    kind: "other",
    name: "gen_ai.client.token.usage",
    run_id: "",
    trace_id: "",
    step_id: "",
    start_time: "2023-11-14T22:13:20.000000001Z",
    end_time: "2023-11-14T22:13:25.000000000Z",
    llm: null,
  });
  expect(facts?.attributes).toMatchObject({
    type: "histogram",
    unit: "{token}",
    description: "tokens",
    temporality: "cumulative",
    data_points: [
      {
        attributes: { "gen_ai.token.type": "input" },
        start_time: "2023-11-14T22:13:20.000000001Z",
        time: "2023-11-14T22:13:25.000000000Z",
        count: 3,
        sum: 12.5,
        min: 1,
        max: { double: "NaN" },
        bucket_counts: [1, { int64: "9007199254740993" }, 2],
        explicit_bounds: [1, 4],
        exemplars: [{ as_int: { int64: "9007199254740993" }, span_id: "b7ad6b7169203331" }],
      },
      { count: 2 },
    ],
  });
});

test("its points become rows, what a column can't hold exactly left out", () => {
  const rows = normalized(usage).flatMap((facts) => metricPointRows(facts, 5));
  expect(rows).toMatchObject([
    {
      name: "gen_ai.client.token.usage",
      type: "histogram",
      unit: "{token}",
      temporality: "cumulative",
      attributes: '{"gen_ai.token.type":"input"}',
      service_name: "shop",
      scope_name: "lib",
      count: 3,
      sum: 12.5,
      min: 1,
      max: null,
      bucket_counts: [],
      explicit_bounds: [1, 4],
      point: 0,
      journal_seq: 5,
    },
    { bucket_counts: [1, 1], explicit_bounds: [4], point: 1, value: null },
  ]);
});

test("each kind of data keeps what is its own", () => {
  const point = { ...times, attributes };
  const facts = normalized(
    { name: "gen_ai.a", gauge: { dataPoints: [{ ...point, asDouble: 0.5 }] } },
    {
      name: "gen_ai.b",
      sum: {
        isMonotonic: true,
        aggregationTemporality: 1,
        dataPoints: [{ timeUnixNano: times.timeUnixNano, asInt: "7" }],
      },
    },
    {
      name: "gen_ai.c",
      exponentialHistogram: {
        dataPoints: [{ ...point, count: 2, scale: -1, zeroCount: 1, positive: { offset: 3, bucketCounts: ["1"] } }],
      },
    },
    {
      name: "gen_ai.d",
      summary: { dataPoints: [{ ...point, count: 2, sum: 3, quantileValues: [{ quantile: 0.5, value: 1 }] }] },
    },
  );
  expect(facts.map((one) => one.attributes)).toMatchObject([
    { type: "gauge", temporality: null, monotonic: null, data_points: [{ as_double: 0.5 }] },
    { type: "sum", temporality: "delta", monotonic: true, data_points: [{ as_int: 7 }] },
    {
      type: "exponential_histogram",
      data_points: [{ scale: -1, zero_count: 1, positive: { offset: 3, bucket_counts: [1] } }],
    },
    { type: "summary", data_points: [{ quantile_values: [{ quantile: 0.5, value: 1 }] }] },
  ]);
  const rows = facts.flatMap((one) => metricPointRows(one, 0));
  expect(rows.map(({ value, start_time, monotonic }) => [value, start_time.slice(17, 19), monotonic])).toEqual([
    [0.5, "20", false],
    [7, "25", true],
    [null, "20", false],
    [null, "20", false],
  ]);
});

test("only metrics named gen_ai.* with one kind of data and times are taken", () => {
  const gauge = (point: object) => ({ name: "gen_ai.x", gauge: { dataPoints: [point] } });
  expect(
    normalized(
      { ...usage, name: "http.server.duration" },
      { ...usage, gauge: { dataPoints: [] } },
      { name: "gen_ai.empty", gauge: { dataPoints: [] } },
      gauge({ asInt: "1" }),
      gauge({ asInt: "1", timeUnixNano: "9300000000000000000" }),
    ),
  ).toEqual([]);
});

test("the same metric has one id, whatever its request", () => {
  const [alone] = normalized(usage);
  expect(normalized({ ...usage, name: "gen_ai.other" }, usage)[1]?.record_id).toBe(alone?.record_id);
  expect(normalized({ ...usage, unit: "1" })[0]?.record_id).not.toBe(alone?.record_id);
});
