-- A row a data point of an OTLP metric named gen_ai.* (collector/src/metrics/metric-point-rows.ts). Metrics repeat what spans tell: they are never
-- added to the sums of runs. A value that its column can't hold exactly (NaN, counts beyond 2^53) is NULL, or an empty list, here; the log has it.
-- A point that came twice collapses in the background. Read: `FROM metric_points FINAL WHERE tenant = … AND name = … AND time BETWEEN …`.
CREATE TABLE IF NOT EXISTS metric_points
(
    tenant LowCardinality(String),
    name LowCardinality(String),
    -- gauge, sum, histogram, exponential_histogram, summary
    type LowCardinality(String),
    unit LowCardinality(String),
    -- delta, cumulative, or ''.
    temporality LowCardinality(String),
    monotonic Bool,
    -- The point's attributes as JSON.
    attributes String CODEC(ZSTD(1)),
    service_name LowCardinality(String),
    scope_name LowCardinality(String),
    -- Of a sum or histogram; `time` where the sender tells none.
    start_time DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    time DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    received_time DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    -- Of gauges and sums.
    value Nullable(Float64) CODEC(ZSTD(1)),
    -- Of histograms and summaries.
    count Nullable(UInt64) CODEC(ZSTD(1)),
    sum Nullable(Float64) CODEC(ZSTD(1)),
    min Nullable(Float64) CODEC(ZSTD(1)),
    max Nullable(Float64) CODEC(ZSTD(1)),
    -- Of histograms: one count more than bounds. Exponential ones have theirs in the log only.
    bucket_counts Array(UInt64) CODEC(ZSTD(1)),
    explicit_bounds Array(Float64) CODEC(ZSTD(1)),
    -- The log's record of the metric, and the point's place in it.
    record_id String CODEC(ZSTD(1)),
    point UInt64 CODEC(ZSTD(1)),
    journal_seq UInt64 CODEC(Delta(8), ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(received_time)
ORDER BY (tenant, name, time, record_id, point)
SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1;

-- As in 0002, but for `known`: what only a log record tells of its run stands last.
DROP VIEW IF EXISTS runs_from_steps;

CREATE MATERIALIZED VIEW IF NOT EXISTS runs_from_steps TO runs AS
WITH
    multiIf(s.event = 'log', 3, s.event != 'step', 0, s.root, 1, 2)::UInt8 AS known,
    s.event = 'step' AND s.root AS is_root,
    s.event = 'run_end' AS is_end,
    if(s.response_model != '', s.response_model, s.request_model)::String AS model
SELECT
    s.tenant AS tenant,
    s.run_id AS run_id,
    min(s.start_time) AS start_time,
    max(s.end_time) AS end_time,
    min(s.received_time) AS first_received_time,
    max(s.received_time) AS last_seen_time,
    max(s.heartbeat_interval_ms) AS heartbeat_interval_ms,
    max(if(is_end,
        tuple(1::UInt8, s.end_time, s.end_status::String, s.end_outcome::String, s.end_reason, s.end_records),
        tuple(0::UInt8, toDateTime64(0, 9, 'UTC'), '', '', '', NULL::Nullable(UInt64)))) AS ended,
    max(if(is_root, tuple(1::UInt8, s.end_time, s.status::String), tuple(0::UInt8, toDateTime64(0, 9, 'UTC'), ''))) AS root,
    max(if((is_end OR is_root) AND s.status = 'error',
        tuple(if(is_end, 2, 1)::UInt8, s.end_time, s.error_type::String, s.error_message),
        tuple(0::UInt8, toDateTime64(0, 9, 'UTC'), '', ''))) AS error,
    min(tuple(if(s.agent_name = '', 9, known)::UInt8, s.start_time, s.agent_name::String, s.agent_version::String)) AS agent,
    min(tuple(if(s.task_id = '', 9, known)::UInt8, s.start_time, s.task_id)) AS task_id,
    min(tuple(if(s.task_type = '', 9, known)::UInt8, s.start_time, s.task_type::String)) AS task_type,
    min(tuple(if(s.session_id = '', 9, known)::UInt8, s.start_time, s.session_id)) AS session_id,
    min(tuple(if(s.user_id = '', 9, known)::UInt8, s.start_time, s.user_id)) AS user_id,
    min(tuple(known, s.start_time, s.dialect::String)) AS dialect,
    count() AS records,
    countIf(s.run_seq IS NOT NULL AND NOT s.conflict) AS numbered_records,
    countIf(s.conflict) AS conflicts,
    countIf(s.event = 'step') AS steps,
    countIf(s.event = 'step' AND s.status = 'error') AS step_errors,
    countIf(s.llm_counted) AS llm_calls,
    countIf(s.event = 'step' AND s.kind = 'tool') AS tool_calls,
    countIf(s.event = 'step' AND s.kind = 'tool' AND s.status = 'error') AS tool_errors,
    countIf(s.event = 'step' AND s.kind = 'guardrail') AS guardrails,
    countIf(s.event = 'step' AND s.kind = 'guardrail' AND s.status = 'error') AS guardrail_rejections,
    sum(if(s.llm_counted, s.input_tokens, NULL)) AS input_tokens,
    sum(if(s.llm_counted, s.output_tokens, NULL)) AS output_tokens,
    sum(if(s.llm_counted, s.cache_read_tokens, NULL)) AS cache_read_tokens,
    sum(if(s.llm_counted, s.cache_write_tokens, NULL)) AS cache_write_tokens,
    sum(if(s.llm_counted, s.reasoning_tokens, NULL)) AS reasoning_tokens,
    countIf(s.llm_counted AND s.status != 'error' AND s.input_tokens IS NULL AND s.output_tokens IS NULL) AS usage_missing,
    sum(if(s.llm_counted, s.cost_usd, NULL)) AS cost_usd,
    countIf(s.llm_counted AND s.status != 'error' AND s.cost_usd IS NULL) AS cost_missing,
    max(s.price_table::String) AS price_table,
    max(s.price_version::String) AS price_version,
    groupUniqArrayIf(model, model != '') AS models,
    groupUniqArrayIf(s.tool_name::String, s.tool_name != '') AS tools
FROM steps AS s
GROUP BY s.tenant, s.run_id;
