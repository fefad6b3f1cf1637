-- What only the agent can tell (decisions, guardrails, approvals, hand-offs, states, artifacts, scores, limits) and how a tool call was let through:
-- one JSON text, for the view of a step ("": none). Beside it, in columns, what rules and lists ask for.
ALTER TABLE steps
    ADD COLUMN IF NOT EXISTS agent_facts String CODEC(ZSTD(1)) AFTER tool_inferred,
    ADD COLUMN IF NOT EXISTS guardrail_rule LowCardinality(String) AFTER agent_facts,
    ADD COLUMN IF NOT EXISTS tool_side_effect LowCardinality(String) AFTER guardrail_rule,
    ADD COLUMN IF NOT EXISTS tool_confirmed Nullable(Bool) AFTER tool_side_effect,
    ADD COLUMN IF NOT EXISTS tool_same_as String CODEC(ZSTD(1)) AFTER tool_confirmed;

-- As in 0006_corrections.sql, with these columns.
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
    'unset', '', '', NULL, task_type, agent_name, '', '', '', '',
    '', '', '', [], false, NULL, NULL, NULL, NULL,
    NULL, NULL, NULL, NULL, NULL, '', '', tool_name, tool_call_id,
    tool_requested_by, arguments_sha256, result_sha256, result_bytes, NULL, '', NULL, NULL, true,
    '', '', '', NULL, '',
    false, '', '', shown_by, result_in
FROM corrections FINAL
WHERE in_force AND what = 'inferred';
