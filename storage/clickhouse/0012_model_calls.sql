-- In which process a model call was made, as far as its resource tells: JSON of what names one (collector/src/metrics/process-of.ts), '' when nothing does.
ALTER TABLE steps ADD COLUMN IF NOT EXISTS process LowCardinality(String) AFTER scope_name;

-- Where to look for what other sources tell of a model call, when one of them does not know the id of its answer: by the words that it was asked last
-- (collector/src/resolve/calls-alike.ts). Whether two are one call is decided by their rows in `steps`. Asked for what other sources tell within some
-- minutes, which costs nothing where there is one source only, or where all of them tell ids.
CREATE TABLE IF NOT EXISTS model_calls
(
    tenant LowCardinality(String),
    -- As `sourceOf` says it (collector/src/resolve/step-fact.ts).
    source LowCardinality(String),
    -- Of start_time, since the epoch.
    minute Int32,
    -- Hash of the last message's first words.
    words UInt32,
    -- It tells the id of its answer.
    named Bool,
    run_id String CODEC(ZSTD(1)),
    record_id String CODEC(ZSTD(1)),
    start_time DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    end_time DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    received_time DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_time)
ORDER BY (tenant, source, minute, words)
SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS model_calls_from_steps TO model_calls AS
SELECT
    s.tenant AS tenant,
    if(s.scope_name = '', s.dialect::String, concat('scope ', s.scope_name)) AS source,
    toInt32(intDiv(toUnixTimestamp64Milli(s.start_time), 60000)) AS minute,
    toUInt32(bitAnd(sipHash64(s.input_preview), 4294967295)) AS words,
    s.response_id != '' AS named,
    s.run_id AS run_id,
    s.record_id AS record_id,
    s.start_time AS start_time,
    s.end_time AS end_time,
    s.received_time AS received_time
FROM steps AS s
WHERE s.event = 'step' AND s.llm_counted AND s.input_preview != '';
