-- A run, summed up from its steps. Rows of one run are merged in the background and may be several at any moment:
-- always `GROUP BY tenant, run_id` and apply the function named in the type again: sum(input_tokens), min(start_time),
-- max(ended).status, min(agent).name, arraySort(groupUniqArrayArray(models)). All of them give the same answer in whatever
-- order the rows came. A Nullable sum is NULL when nothing was known, and never 0 then.
-- The facts (agent, task_type, …) are tuples (rank, at, value…): min() takes the run's own start record first, then the root
-- span, then the earliest record that knows it; rank 9 means nobody knew, and then the value is ''.
-- Status is the reader's conclusion: max(ended).rank > 0 → max(ended).status, it ended by a run_end record,
-- else max(root).seen → failed when max(root).status = 'error', else completed; else running or abandoned by last_seen_time and heartbeat_interval_ms.
CREATE TABLE IF NOT EXISTS runs
(
    tenant LowCardinality(String),
    run_id String CODEC(ZSTD(1)),
    -- Earliest start and latest end of any of its records, by the client's clock.
    start_time SimpleAggregateFunction(min, DateTime64(9, 'UTC')),
    end_time SimpleAggregateFunction(max, DateTime64(9, 'UTC')),
    -- First and latest sign of life, by the collector's clock.
    first_received_time SimpleAggregateFunction(min, DateTime64(9, 'UTC')),
    last_seen_time SimpleAggregateFunction(max, DateTime64(9, 'UTC')),
    -- The longest interval promised; NULL: none was.
    heartbeat_interval_ms SimpleAggregateFunction(max, Nullable(UInt64)),
    -- Its run_end record; the latest when there are several. rank 0: none yet.
    ended SimpleAggregateFunction(max, Tuple(rank UInt8, at DateTime64(9, 'UTC'), status String, outcome String, reason String, records Nullable(UInt64))),
    -- Its root span (a `step` without a parent): seen, its end and status.
    root SimpleAggregateFunction(max, Tuple(seen UInt8, at DateTime64(9, 'UTC'), status String)),
    -- The error that the run_end record (rank 2) or else the root span (rank 1) tells; rank 0: none.
    error SimpleAggregateFunction(max, Tuple(rank UInt8, at DateTime64(9, 'UTC'), type String, message String)),
    agent SimpleAggregateFunction(min, Tuple(rank UInt8, at DateTime64(9, 'UTC'), name String, version String)),
    task_id SimpleAggregateFunction(min, Tuple(rank UInt8, at DateTime64(9, 'UTC'), value String)),
    task_type SimpleAggregateFunction(min, Tuple(rank UInt8, at DateTime64(9, 'UTC'), value String)),
    session_id SimpleAggregateFunction(min, Tuple(rank UInt8, at DateTime64(9, 'UTC'), value String)),
    user_id SimpleAggregateFunction(min, Tuple(rank UInt8, at DateTime64(9, 'UTC'), value String)),
    dialect SimpleAggregateFunction(min, Tuple(rank UInt8, at DateTime64(9, 'UTC'), value String)),
    -- All records of any event; those the SDK numbered (run_seq known, not a conflict): compare with ended.records; conflicting ones.
    records SimpleAggregateFunction(sum, UInt64),
    numbered_records SimpleAggregateFunction(sum, UInt64),
    conflicts SimpleAggregateFunction(sum, UInt64),
    -- Records of event 'step'; those of status error.
    steps SimpleAggregateFunction(sum, UInt64),
    step_errors SimpleAggregateFunction(sum, UInt64),
    llm_calls SimpleAggregateFunction(sum, UInt64),
    tool_calls SimpleAggregateFunction(sum, UInt64),
    tool_errors SimpleAggregateFunction(sum, UInt64),
    guardrails SimpleAggregateFunction(sum, UInt64),
    guardrail_rejections SimpleAggregateFunction(sum, UInt64),
    -- Of counted model calls only (llm_counted).
    input_tokens SimpleAggregateFunction(sum, Nullable(UInt64)),
    output_tokens SimpleAggregateFunction(sum, Nullable(UInt64)),
    cache_read_tokens SimpleAggregateFunction(sum, Nullable(UInt64)),
    cache_write_tokens SimpleAggregateFunction(sum, Nullable(UInt64)),
    reasoning_tokens SimpleAggregateFunction(sum, Nullable(UInt64)),
    -- Counted model calls that succeeded and told neither input nor output tokens; those without a known price.
    usage_missing SimpleAggregateFunction(sum, UInt64),
    cost_usd SimpleAggregateFunction(sum, Nullable(Decimal(38, 9))),
    cost_missing SimpleAggregateFunction(sum, UInt64),
    price_table SimpleAggregateFunction(max, String),
    price_version SimpleAggregateFunction(max, String),
    -- What the model answered as, or else was asked for as; without ''.
    models SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    tools SimpleAggregateFunction(groupUniqArrayArray, Array(String))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(last_seen_time)
ORDER BY (tenant, run_id)
SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS runs_from_steps TO runs AS
WITH
    multiIf(s.event != 'step', 0, s.root, 1, 2)::UInt8 AS known,
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
