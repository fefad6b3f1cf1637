-- Counts and sums per minute of the step's start, of what a single record knows of itself. Always
-- `GROUP BY` what you ask for and apply the function in the type again; latency: quantileBFloat16Merge(0.95)(latency).
-- Answers usage by model and tool (with agent and task_type as the record itself carries them, '' when it does not).
-- Usage by agent, task_type and user as the *run* knows them, runs, success rate, and steps a run come from `runs`:
-- many dialects name the agent on the root span only.
CREATE TABLE IF NOT EXISTS usage_by_minute
(
    tenant LowCardinality(String),
    minute DateTime64(0, 'UTC') CODEC(Delta(8), ZSTD(1)),
    kind LowCardinality(String),
    -- What the model answered as, or else was asked for as.
    model LowCardinality(String),
    tool_name LowCardinality(String),
    agent_name LowCardinality(String),
    task_type LowCardinality(String),
    -- Day of the collector's clock; partitions and expires the rows, nothing to ask for.
    received_day Date,
    steps SimpleAggregateFunction(sum, UInt64),
    step_errors SimpleAggregateFunction(sum, UInt64),
    llm_calls SimpleAggregateFunction(sum, UInt64),
    llm_errors SimpleAggregateFunction(sum, UInt64),
    tool_calls SimpleAggregateFunction(sum, UInt64),
    tool_errors SimpleAggregateFunction(sum, UInt64),
    guardrails SimpleAggregateFunction(sum, UInt64),
    guardrail_rejections SimpleAggregateFunction(sum, UInt64),
    input_tokens SimpleAggregateFunction(sum, Nullable(UInt64)),
    output_tokens SimpleAggregateFunction(sum, Nullable(UInt64)),
    cache_read_tokens SimpleAggregateFunction(sum, Nullable(UInt64)),
    cache_write_tokens SimpleAggregateFunction(sum, Nullable(UInt64)),
    reasoning_tokens SimpleAggregateFunction(sum, Nullable(UInt64)),
    usage_missing SimpleAggregateFunction(sum, UInt64),
    cost_usd SimpleAggregateFunction(sum, Nullable(Decimal(38, 9))),
    cost_missing SimpleAggregateFunction(sum, UInt64),
    -- latency_ms of the steps, as a histogram of bfloat16: exact to 0.4 %, and the same in whatever order the rows came.
    latency AggregateFunction(quantileBFloat16(0.95), Float64)
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(received_day)
ORDER BY (tenant, minute, kind, model, tool_name, agent_name, task_type, received_day)
SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS usage_by_minute_from_steps TO usage_by_minute AS
SELECT
    s.tenant AS tenant,
    toStartOfMinute(s.start_time) AS minute,
    s.kind AS kind,
    if(s.response_model != '', s.response_model, s.request_model) AS model,
    s.tool_name AS tool_name,
    s.agent_name AS agent_name,
    s.task_type AS task_type,
    toDate(s.received_time) AS received_day,
    count() AS steps,
    countIf(s.status = 'error') AS step_errors,
    countIf(s.llm_counted) AS llm_calls,
    countIf(s.llm_counted AND s.status = 'error') AS llm_errors,
    countIf(s.kind = 'tool') AS tool_calls,
    countIf(s.kind = 'tool' AND s.status = 'error') AS tool_errors,
    countIf(s.kind = 'guardrail') AS guardrails,
    countIf(s.kind = 'guardrail' AND s.status = 'error') AS guardrail_rejections,
    sum(if(s.llm_counted, s.input_tokens, NULL)) AS input_tokens,
    sum(if(s.llm_counted, s.output_tokens, NULL)) AS output_tokens,
    sum(if(s.llm_counted, s.cache_read_tokens, NULL)) AS cache_read_tokens,
    sum(if(s.llm_counted, s.cache_write_tokens, NULL)) AS cache_write_tokens,
    sum(if(s.llm_counted, s.reasoning_tokens, NULL)) AS reasoning_tokens,
    countIf(s.llm_counted AND s.status != 'error' AND s.input_tokens IS NULL AND s.output_tokens IS NULL) AS usage_missing,
    sum(if(s.llm_counted, s.cost_usd, NULL)) AS cost_usd,
    countIf(s.llm_counted AND s.status != 'error' AND s.cost_usd IS NULL) AS cost_missing,
    quantileBFloat16State(0.95)(s.latency_ms) AS latency
FROM steps AS s
WHERE s.event = 'step'
GROUP BY tenant, minute, kind, model, tool_name, agent_name, task_type, received_day;
