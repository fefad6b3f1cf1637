-- What no single record knows of a run (collector/src/resolve): that a model or tool call counted in two records is one call, and that
-- a tool call which left no span was made. The log's records never change, so the sums that they make are corrected here.
-- A row an item, the newest `version` of it stands; an item that later spans made untrue has a newer row with in_force = false.
-- Read: `FINAL … WHERE in_force`. `what`: uncounted, the record `record_id` is not counted, `same_call_as` is; filled, the counted record
-- `record_id` is given what only its twin knew; inferred, a tool step of its own, whose derived record_id no record of the log has.
CREATE TABLE IF NOT EXISTS corrections
(
    tenant LowCardinality(String),
    run_id String CODEC(ZSTD(1)),
    record_id String CODEC(ZSTD(1)),
    what LowCardinality(String),
    in_force Bool,
    version UInt64,
    step_id String CODEC(ZSTD(1)),
    -- step_id of the record that counts instead.
    same_call_as String CODEC(ZSTD(1)),
    -- record_ids of the records whose content shows an inferred call and its result; '' for none.
    shown_by String CODEC(ZSTD(1)),
    result_in String CODEC(ZSTD(1)),
    kind LowCardinality(String),
    name LowCardinality(String),
    trace_id String CODEC(ZSTD(1)),
    parent_id String CODEC(ZSTD(1)),
    dialect LowCardinality(String),
    scope_name LowCardinality(String),
    start_time DateTime64(9, 'UTC') CODEC(ZSTD(1)),
    end_time DateTime64(9, 'UTC') CODEC(ZSTD(1)),
    received_time DateTime64(9, 'UTC') CODEC(ZSTD(1)),
    latency_ms Float64 CODEC(ZSTD(1)),
    task_type LowCardinality(String),
    agent_name LowCardinality(String),
    model LowCardinality(String),
    tool_name LowCardinality(String),
    tool_call_id String CODEC(ZSTD(1)),
    tool_requested_by String CODEC(ZSTD(1)),
    arguments_sha256 String CODEC(ZSTD(1)),
    result_sha256 String CODEC(ZSTD(1)),
    result_bytes Nullable(UInt64) CODEC(ZSTD(1)),
    -- What is added to the sums, or taken away.
    steps Int64,
    llm_calls Int64,
    llm_errors Int64,
    tool_calls Int64,
    tool_errors Int64,
    input_tokens Int64,
    output_tokens Int64,
    cache_read_tokens Int64,
    cache_write_tokens Int64,
    reasoning_tokens Int64,
    usage_missing Int64,
    cost_usd Decimal(38, 9),
    cost_missing Int64,
    -- Of all that it says: whether the newest row says the same already.
    content_sha256 String CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(received_time)
ORDER BY (tenant, run_id, record_id)
SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1;

-- All corrections of a run, summed up, for the lists of runs: LEFT ANY JOIN and add. Written by whoever wrote corrections, after them; its
-- version is the sum of theirs, which only grows.
CREATE TABLE IF NOT EXISTS run_corrections
(
    tenant LowCardinality(String),
    run_id String CODEC(ZSTD(1)),
    version UInt64,
    received_time DateTime64(9, 'UTC') CODEC(ZSTD(1)),
    steps Int64,
    llm_calls Int64,
    tool_calls Int64,
    tool_errors Int64,
    input_tokens Int64,
    output_tokens Int64,
    cache_read_tokens Int64,
    cache_write_tokens Int64,
    reasoning_tokens Int64,
    usage_missing Int64,
    cost_usd Decimal(38, 9),
    cost_missing Int64,
    -- Of inferred calls.
    tools Array(String)
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(received_time)
ORDER BY (tenant, run_id)
SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1;

-- usage_by_minute and its corrections in one form, signed where corrections may take away. Of no group are the sums negative.
CREATE OR REPLACE VIEW usage_parts AS
SELECT tenant, minute, kind, model, tool_name, agent_name, task_type,
    toInt64(steps) AS steps, toInt64(llm_calls) AS llm_calls, toInt64(llm_errors) AS llm_errors,
    toInt64(tool_calls) AS tool_calls, toInt64(tool_errors) AS tool_errors, guardrails, guardrail_rejections,
    toInt64(input_tokens) AS input_tokens, toInt64(output_tokens) AS output_tokens, toInt64(cache_read_tokens) AS cache_read_tokens,
    toInt64(cache_write_tokens) AS cache_write_tokens, toInt64(reasoning_tokens) AS reasoning_tokens,
    toInt64(usage_missing) AS usage_missing, cost_usd, toInt64(cost_missing) AS cost_missing, latency
FROM usage_by_minute
UNION ALL
SELECT tenant, toDateTime64(toStartOfMinute(start_time), 0, 'UTC') AS minute, kind, model, tool_name, agent_name, task_type,
    steps, llm_calls, llm_errors, tool_calls, tool_errors, toUInt64(0) AS guardrails, toUInt64(0) AS guardrail_rejections,
    nullIf(input_tokens, 0), nullIf(output_tokens, 0), nullIf(cache_read_tokens, 0), nullIf(cache_write_tokens, 0), nullIf(reasoning_tokens, 0),
    usage_missing, nullIf(cost_usd, 0), cost_missing, arrayReduce('quantileBFloat16State(0.95)', emptyArrayFloat64()) AS latency
FROM corrections FINAL
WHERE in_force;

-- The same of single steps, for what only their runs know; latency_ms: of records only.
CREATE OR REPLACE VIEW step_parts AS
SELECT s.tenant AS tenant, s.run_id AS run_id, s.start_time AS start_time, s.received_time AS received_time,
    if(s.response_model != '', s.response_model, s.request_model) AS model, s.tool_name AS tool_name,
    toInt64(1) AS steps, toInt64(s.llm_counted) AS llm_calls, toInt64(s.kind = 'tool') AS tool_calls,
    toInt64(s.kind = 'tool' AND s.status = 'error') AS tool_errors, toUInt64(s.kind = 'guardrail') AS guardrails,
    toUInt64(s.kind = 'guardrail' AND s.status = 'error') AS guardrail_rejections,
    toInt64(if(s.llm_counted, s.input_tokens, NULL)) AS input_tokens, toInt64(if(s.llm_counted, s.output_tokens, NULL)) AS output_tokens,
    toInt64(if(s.llm_counted, s.cache_read_tokens, NULL)) AS cache_read_tokens,
    toInt64(if(s.llm_counted, s.cache_write_tokens, NULL)) AS cache_write_tokens,
    toInt64(if(s.llm_counted, s.reasoning_tokens, NULL)) AS reasoning_tokens,
    toInt64(s.llm_counted AND s.status != 'error' AND s.input_tokens IS NULL AND s.output_tokens IS NULL) AS usage_missing,
    if(s.llm_counted, s.cost_usd, NULL) AS cost_usd, toInt64(s.llm_counted AND s.status != 'error' AND s.cost_usd IS NULL) AS cost_missing,
    toNullable(s.latency_ms) AS latency
FROM steps AS s
WHERE s.event = 'step'
UNION ALL
SELECT tenant, run_id, start_time, received_time, model, tool_name, steps, llm_calls, tool_calls, tool_errors, toUInt64(0), toUInt64(0),
    nullIf(input_tokens, 0), nullIf(output_tokens, 0), nullIf(cache_read_tokens, 0), nullIf(cache_write_tokens, 0), nullIf(reasoning_tokens, 0),
    usage_missing, nullIf(cost_usd, 0), cost_missing, NULL
FROM corrections FINAL
WHERE in_force;

-- The steps of runs: those that are records, and the inferred ones.
CREATE OR REPLACE VIEW all_steps AS
SELECT tenant, record_id, kind, name, operation, run_id, trace_id, step_id, parent_id, dialect, scope_name, start_time, received_time, latency_ms,
    status, error_type, error_message, run_seq, task_type, agent_name, provider, request_model, response_model, response_id,
    system_prompt_sha256, prompt_sha256, tools_sha256, finish_reasons, llm_counted, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens,
    reasoning_tokens, time_to_first_token_ms, streaming, context_window, cost_usd, price_table, price_version, tool_name, tool_call_id,
    tool_requested_by, arguments_sha256, result_sha256, result_bytes, attempt, idempotency_key, tool_known, tool_valid, tool_inferred,
    conflict, input_preview, output_preview, '' AS shown_by, '' AS result_in
FROM steps
WHERE event = 'step'
UNION ALL
SELECT tenant, record_id, kind, name, 'execute_tool', run_id, trace_id, step_id, parent_id, dialect, scope_name, start_time, received_time, latency_ms,
    'unset', '', '', NULL, task_type, agent_name, '', '', '', '',
    '', '', '', [], false, NULL, NULL, NULL, NULL,
    NULL, NULL, NULL, NULL, NULL, '', '', tool_name, tool_call_id,
    tool_requested_by, arguments_sha256, result_sha256, result_bytes, NULL, '', NULL, NULL, true,
    false, '', '', shown_by, result_in
FROM corrections FINAL
WHERE in_force AND what = 'inferred';
