-- What a record knows of the calls that a model asked for and of the results it was given, so that calls that left no span can be shown;
-- the instrumentation's name, so that two of them on one call are told apart; the model's context window.
ALTER TABLE steps
    ADD COLUMN IF NOT EXISTS scope_name LowCardinality(String) AFTER dialect,
    ADD COLUMN IF NOT EXISTS context_window Nullable(UInt64) CODEC(ZSTD(1)) AFTER streaming,
    ADD COLUMN IF NOT EXISTS tool_request_ids Array(String) CODEC(ZSTD(1)) AFTER context_window,
    ADD COLUMN IF NOT EXISTS tool_request_names Array(LowCardinality(String)) AFTER tool_request_ids,
    ADD COLUMN IF NOT EXISTS tool_request_arguments Array(String) CODEC(ZSTD(1)) AFTER tool_request_names,
    ADD COLUMN IF NOT EXISTS tool_result_ids Array(String) CODEC(ZSTD(1)) AFTER tool_request_arguments,
    ADD COLUMN IF NOT EXISTS tool_result_sha256 Array(String) CODEC(ZSTD(1)) AFTER tool_result_ids,
    ADD COLUMN IF NOT EXISTS tool_result_bytes Array(UInt64) CODEC(ZSTD(1)) AFTER tool_result_sha256;
