-- Who tells of an answer, by the id that the provider gave it: two runs may hold the same call (collector/src/resolve/answers.ts). Asked for
-- what other sources tell within some minutes, which costs nothing where there is one source only.
CREATE TABLE IF NOT EXISTS answers
(
    tenant LowCardinality(String),
    -- As `sourceOf` says it (collector/src/resolve/step-fact.ts).
    source LowCardinality(String),
    -- Of start_time, since the epoch.
    minute Int32,
    response_id String CODEC(ZSTD(1)),
    run_id String CODEC(ZSTD(1)),
    start_time DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    end_time DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    received_time DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_time)
ORDER BY (tenant, source, minute, response_id)
SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS answers_from_steps TO answers AS
SELECT
    s.tenant AS tenant,
    if(s.scope_name = '', s.dialect::String, concat('scope ', s.scope_name)) AS source,
    toInt32(intDiv(toUnixTimestamp64Milli(s.start_time), 60000)) AS minute,
    s.response_id AS response_id,
    s.run_id AS run_id,
    s.start_time AS start_time,
    s.end_time AS end_time,
    s.received_time AS received_time
FROM steps AS s
WHERE s.event = 'step' AND s.llm_counted AND s.response_id != '' AND length(s.response_id) <= 256;

-- Where the record counts that an uncounted one is the same call as: '' in its own run.
ALTER TABLE corrections ADD COLUMN IF NOT EXISTS same_call_in String CODEC(ZSTD(1)) AFTER same_call_as;
