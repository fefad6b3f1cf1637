-- What people and keys did through the query API, as the log tells it: `act` is "" for entries that are none, else the entry's act as JSON with its
-- received_time. Made with the log's index, so from the log alone; a view moves them where they are found by time.
ALTER TABLE log_entries ADD COLUMN IF NOT EXISTS act String CODEC(ZSTD(1)) AFTER payloads;

-- Read: `FROM acts FINAL WHERE tenant = … ORDER BY received_time DESC, shard DESC, log_index DESC`.
CREATE TABLE IF NOT EXISTS acts
(
    tenant LowCardinality(String),
    received_time DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    shard LowCardinality(String),
    log_index UInt64 CODEC(Delta(8), ZSTD(1)),
    record_id String CODEC(ZSTD(1)),
    action LowCardinality(String),
    -- "" without a key of its own.
    actor_key_id String CODEC(ZSTD(1)),
    actor_name String CODEC(ZSTD(1)),
    act String CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(received_time)
ORDER BY (tenant, received_time, shard, log_index)
SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS acts_from_log TO acts AS
SELECT
    tenant,
    parseDateTime64BestEffort(JSONExtractString(act, 'received_time'), 9, 'UTC') AS received_time,
    shard,
    log_index,
    record_id,
    JSONExtractString(act, 'action') AS action,
    JSONExtractString(act, 'actor', 'key_id') AS actor_key_id,
    JSONExtractString(act, 'actor', 'name') AS actor_name,
    act
FROM log_entries
WHERE act != '';
