-- Several collectors write one database. Which journal a row came out of (a journal's identity; '' from before this, or rebuilt from the log), and all
-- journals that ever wrote here: as long as there is one, nobody asks whether another has a record already.
ALTER TABLE steps ADD COLUMN IF NOT EXISTS journal LowCardinality(String) AFTER journal_seq;

CREATE TABLE IF NOT EXISTS journals
(
    journal String,
    first_time DateTime DEFAULT now()
)
ENGINE = ReplacingMergeTree
ORDER BY journal
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- `repeated`: a record that two collectors inserted at the same moment. Its second row is taken out of `steps`, and out of the sums by this.
ALTER TABLE corrections
    ADD COLUMN IF NOT EXISTS records Int64 AFTER cost_missing,
    ADD COLUMN IF NOT EXISTS numbered_records Int64 AFTER records,
    ADD COLUMN IF NOT EXISTS guardrails Int64 AFTER numbered_records,
    ADD COLUMN IF NOT EXISTS guardrail_rejections Int64 AFTER guardrails;

ALTER TABLE run_corrections
    ADD COLUMN IF NOT EXISTS records Int64 AFTER tools,
    ADD COLUMN IF NOT EXISTS numbered_records Int64 AFTER records,
    ADD COLUMN IF NOT EXISTS guardrails Int64 AFTER numbered_records,
    ADD COLUMN IF NOT EXISTS guardrail_rejections Int64 AFTER guardrails;

-- As in 0006_corrections.sql, with guardrails in corrections.
CREATE OR REPLACE VIEW usage_parts AS
SELECT tenant, minute, kind, model, tool_name, agent_name, task_type,
    toInt64(steps) AS steps, toInt64(llm_calls) AS llm_calls, toInt64(llm_errors) AS llm_errors,
    toInt64(tool_calls) AS tool_calls, toInt64(tool_errors) AS tool_errors,
    toInt64(guardrails) AS guardrails, toInt64(guardrail_rejections) AS guardrail_rejections,
    toInt64(input_tokens) AS input_tokens, toInt64(output_tokens) AS output_tokens, toInt64(cache_read_tokens) AS cache_read_tokens,
    toInt64(cache_write_tokens) AS cache_write_tokens, toInt64(reasoning_tokens) AS reasoning_tokens,
    toInt64(usage_missing) AS usage_missing, cost_usd, toInt64(cost_missing) AS cost_missing, latency
FROM usage_by_minute
UNION ALL
SELECT tenant, toDateTime64(toStartOfMinute(start_time), 0, 'UTC') AS minute, kind, model, tool_name, agent_name, task_type,
    steps, llm_calls, llm_errors, tool_calls, tool_errors, guardrails, guardrail_rejections,
    nullIf(input_tokens, 0), nullIf(output_tokens, 0), nullIf(cache_read_tokens, 0), nullIf(cache_write_tokens, 0), nullIf(reasoning_tokens, 0),
    usage_missing, nullIf(cost_usd, 0), cost_missing, arrayReduce('quantileBFloat16State(0.95)', emptyArrayFloat64()) AS latency
FROM corrections FINAL
WHERE in_force;

-- As in 0006_corrections.sql; it is made of rows, of which the repeated ones are gone.
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
WHERE in_force AND what != 'repeated';
