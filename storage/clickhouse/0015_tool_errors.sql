-- Of the results that a model was given: the tool's name where no id says which call it is of, and whether the messages call it an error. So an inferred tool call
-- has failed when its result says so. What came before is without, in the log as well.
ALTER TABLE steps
    ADD COLUMN IF NOT EXISTS tool_result_names Array(LowCardinality(String)) AFTER tool_result_ids,
    ADD COLUMN IF NOT EXISTS tool_result_errors Array(Bool) AFTER tool_result_bytes;

ALTER TABLE corrections ADD COLUMN IF NOT EXISTS error_type LowCardinality(String) AFTER result_bytes;

-- As in 0008_agent_facts.sql, with the error.
CREATE OR REPLACE VIEW all_steps AS
SELECT tenant, record_id, kind, name, operation, run_id, trace_id, step_id, parent_id, dialect, scope_name, start_time, received_time, latency_ms,
    status, error_type, error_message, run_seq, task_type, agent_name, provider, request_model, response_model, response_id,
    system_prompt_sha256, prompt_sha256, tools_sha256, finish_reasons, llm_counted, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens,
    reasoning_tokens, time_to_first_token_ms, streaming, context_window, cost_usd, price_table, price_version, tool_name, tool_call_id,
    tool_requested_by, arguments_sha256, result_sha256, result_bytes, attempt, idempotency_key, tool_known, tool_valid, tool_inferred,
    agent_facts, guardrail_rule, tool_side_effect, tool_confirmed, tool_same_as,
    conflict, input_preview, output_preview, '' AS shown_by, '' AS result_in
FROM steps
WHERE event = 'step'
UNION ALL
SELECT tenant, record_id, kind, name, 'execute_tool', run_id, trace_id, step_id, parent_id, dialect, scope_name, start_time, received_time, latency_ms,
    if(error_type = '', 'unset', 'error'), error_type, '', NULL, task_type, agent_name, '', '', '', '',
    '', '', '', [], false, NULL, NULL, NULL, NULL,
    NULL, NULL, NULL, NULL, NULL, '', '', tool_name, tool_call_id,
    tool_requested_by, arguments_sha256, result_sha256, result_bytes, NULL, '', NULL, NULL, true,
    '', '', '', NULL, '',
    false, '', '', shown_by, result_in
FROM corrections FINAL
WHERE in_force AND what = 'inferred';
