-- Of how many tool calls nobody told how they went: asked for in the messages, without a span (tool_inferred), and no result was seen. A rate of success is of the
-- others (contract/src/record/tool-outcome.ts). What our SDK inferred before counts as a success in the sums of its run, until `runledger rebuild`.
ALTER TABLE runs ADD COLUMN IF NOT EXISTS tool_outcome_missing SimpleAggregateFunction(sum, UInt64) DEFAULT 0 AFTER tool_errors;

ALTER TABLE usage_by_minute ADD COLUMN IF NOT EXISTS tool_outcome_missing SimpleAggregateFunction(sum, UInt64) DEFAULT 0 AFTER tool_errors;

ALTER TABLE corrections ADD COLUMN IF NOT EXISTS tool_outcome_missing Int64 DEFAULT what = 'inferred' AND result_in = '' AFTER tool_errors;

ALTER TABLE run_corrections ADD COLUMN IF NOT EXISTS tool_outcome_missing Int64 AFTER tool_errors;

-- As in 0013_tokens_missing.sql, with it.
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
    countIf(s.event = 'step' AND s.kind = 'tool' AND s.tool_inferred AND s.result_sha256 = '' AND s.status != 'error') AS tool_outcome_missing,
    countIf(s.event = 'step' AND s.kind = 'guardrail') AS guardrails,
    countIf(s.event = 'step' AND s.kind = 'guardrail' AND s.status = 'error') AS guardrail_rejections,
    sum(if(s.llm_counted, s.input_tokens, NULL)) AS input_tokens,
    sum(if(s.llm_counted, s.output_tokens, NULL)) AS output_tokens,
    sum(if(s.llm_counted, s.cache_read_tokens, NULL)) AS cache_read_tokens,
    sum(if(s.llm_counted, s.cache_write_tokens, NULL)) AS cache_write_tokens,
    sum(if(s.llm_counted, s.reasoning_tokens, NULL)) AS reasoning_tokens,
    countIf(s.llm_counted AND s.status != 'error' AND s.input_tokens IS NULL AND s.output_tokens IS NULL) AS usage_missing,
    countIf(s.llm_counted AND s.status != 'error' AND s.input_tokens IS NULL) AS input_missing,
    countIf(s.llm_counted AND s.status != 'error' AND s.output_tokens IS NULL AND s.operation != 'embeddings') AS output_missing,
    sum(if(s.llm_counted, s.cost_usd, NULL)) AS cost_usd,
    countIf(s.llm_counted AND s.status != 'error' AND s.cost_usd IS NULL) AS cost_missing,
    max(s.price_table::String) AS price_table,
    max(s.price_version::String) AS price_version,
    groupUniqArrayIf(model, model != '') AS models,
    groupUniqArrayIf(s.tool_name::String, s.tool_name != '') AS tools
FROM steps AS s
GROUP BY s.tenant, s.run_id;

-- As in 0013_tokens_missing.sql, with it, and the latency only of what was seen to begin and end.
DROP VIEW IF EXISTS usage_by_minute_from_steps;

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
    countIf(s.kind = 'tool' AND s.tool_inferred AND s.result_sha256 = '' AND s.status != 'error') AS tool_outcome_missing,
    countIf(s.kind = 'guardrail') AS guardrails,
    countIf(s.kind = 'guardrail' AND s.status = 'error') AS guardrail_rejections,
    sum(if(s.llm_counted, s.input_tokens, NULL)) AS input_tokens,
    sum(if(s.llm_counted, s.output_tokens, NULL)) AS output_tokens,
    sum(if(s.llm_counted, s.cache_read_tokens, NULL)) AS cache_read_tokens,
    sum(if(s.llm_counted, s.cache_write_tokens, NULL)) AS cache_write_tokens,
    sum(if(s.llm_counted, s.reasoning_tokens, NULL)) AS reasoning_tokens,
    countIf(s.llm_counted AND s.status != 'error' AND s.input_tokens IS NULL AND s.output_tokens IS NULL) AS usage_missing,
    countIf(s.llm_counted AND s.status != 'error' AND s.input_tokens IS NULL) AS input_missing,
    countIf(s.llm_counted AND s.status != 'error' AND s.output_tokens IS NULL AND s.operation != 'embeddings') AS output_missing,
    sum(if(s.llm_counted, s.cost_usd, NULL)) AS cost_usd,
    countIf(s.llm_counted AND s.status != 'error' AND s.cost_usd IS NULL) AS cost_missing,
    quantileBFloat16StateIf(0.95)(s.latency_ms, NOT s.tool_inferred) AS latency
FROM steps AS s
WHERE s.event = 'step'
GROUP BY tenant, minute, kind, model, tool_name, agent_name, task_type, received_day;

-- As in 0013_tokens_missing.sql, with both.
CREATE OR REPLACE VIEW usage_parts AS
SELECT tenant, minute, kind, model, tool_name, agent_name, task_type,
    toInt64(steps) AS steps, toInt64(llm_calls) AS llm_calls, toInt64(llm_errors) AS llm_errors,
    toInt64(tool_calls) AS tool_calls, toInt64(tool_errors) AS tool_errors, toInt64(tool_outcome_missing) AS tool_outcome_missing,
    toInt64(guardrails) AS guardrails, toInt64(guardrail_rejections) AS guardrail_rejections,
    toInt64(input_tokens) AS input_tokens, toInt64(output_tokens) AS output_tokens, toInt64(cache_read_tokens) AS cache_read_tokens,
    toInt64(cache_write_tokens) AS cache_write_tokens, toInt64(reasoning_tokens) AS reasoning_tokens,
    toInt64(usage_missing) AS usage_missing, toInt64(input_missing) AS input_missing, toInt64(output_missing) AS output_missing,
    cost_usd, toInt64(cost_missing) AS cost_missing, latency
FROM usage_by_minute
UNION ALL
SELECT tenant, toDateTime64(toStartOfMinute(start_time), 0, 'UTC') AS minute, kind, model, tool_name, agent_name, task_type,
    steps, llm_calls, llm_errors, tool_calls, tool_errors, tool_outcome_missing, guardrails, guardrail_rejections,
    nullIf(input_tokens, 0), nullIf(output_tokens, 0), nullIf(cache_read_tokens, 0), nullIf(cache_write_tokens, 0), nullIf(reasoning_tokens, 0),
    usage_missing, input_missing, output_missing, nullIf(cost_usd, 0), cost_missing, arrayReduce('quantileBFloat16State(0.95)', emptyArrayFloat64()) AS latency
FROM corrections FINAL
WHERE in_force;

CREATE OR REPLACE VIEW step_parts AS
SELECT s.tenant AS tenant, s.run_id AS run_id, s.start_time AS start_time, s.received_time AS received_time,
    if(s.response_model != '', s.response_model, s.request_model) AS model, s.tool_name AS tool_name,
    toInt64(1) AS steps, toInt64(s.llm_counted) AS llm_calls, toInt64(s.kind = 'tool') AS tool_calls,
    toInt64(s.kind = 'tool' AND s.status = 'error') AS tool_errors,
    toInt64(s.kind = 'tool' AND s.tool_inferred AND s.result_sha256 = '' AND s.status != 'error') AS tool_outcome_missing,
    toUInt64(s.kind = 'guardrail') AS guardrails,
    toUInt64(s.kind = 'guardrail' AND s.status = 'error') AS guardrail_rejections,
    toInt64(if(s.llm_counted, s.input_tokens, NULL)) AS input_tokens, toInt64(if(s.llm_counted, s.output_tokens, NULL)) AS output_tokens,
    toInt64(if(s.llm_counted, s.cache_read_tokens, NULL)) AS cache_read_tokens,
    toInt64(if(s.llm_counted, s.cache_write_tokens, NULL)) AS cache_write_tokens,
    toInt64(if(s.llm_counted, s.reasoning_tokens, NULL)) AS reasoning_tokens,
    toInt64(s.llm_counted AND s.status != 'error' AND s.input_tokens IS NULL AND s.output_tokens IS NULL) AS usage_missing,
    toInt64(s.llm_counted AND s.status != 'error' AND s.input_tokens IS NULL) AS input_missing,
    toInt64(s.llm_counted AND s.status != 'error' AND s.output_tokens IS NULL AND s.operation != 'embeddings') AS output_missing,
    if(s.llm_counted, s.cost_usd, NULL) AS cost_usd, toInt64(s.llm_counted AND s.status != 'error' AND s.cost_usd IS NULL) AS cost_missing,
    if(s.tool_inferred, NULL, s.latency_ms) AS latency
FROM steps AS s
WHERE s.event = 'step'
UNION ALL
SELECT tenant, run_id, start_time, received_time, model, tool_name, steps, llm_calls, tool_calls, tool_errors, tool_outcome_missing, toUInt64(0), toUInt64(0),
    nullIf(input_tokens, 0), nullIf(output_tokens, 0), nullIf(cache_read_tokens, 0), nullIf(cache_write_tokens, 0), nullIf(reasoning_tokens, 0),
    usage_missing, input_missing, output_missing, nullIf(cost_usd, 0), cost_missing, NULL
FROM corrections FINAL
WHERE in_force AND what != 'repeated';
