-- Where a record stands in the audit log and where its payloads lie (contract LogEntryRow), made from the log alone.
-- Read: `WHERE tenant = … AND record_id = … ORDER BY log_index LIMIT 1`. A repeated insert collapses in the background,
-- so the same row may be seen twice; a record that the log holds twice has two indexes.
CREATE TABLE IF NOT EXISTS log_entries
(
    tenant LowCardinality(String),
    record_id String CODEC(ZSTD(1)),
    run_id String CODEC(ZSTD(1)),
    step_id String CODEC(ZSTD(1)),
    shard LowCardinality(String),
    log_index UInt64 CODEC(Delta(8), ZSTD(1)),
    leaf_hash String CODEC(ZSTD(1)),
    -- JSON of the record's payloads.
    payloads String CODEC(ZSTD(1)),
    inserted_time DateTime('UTC') DEFAULT now() CODEC(Delta(4), ZSTD(1)),
    INDEX run_id_bloom run_id TYPE bloom_filter(0.01) GRANULARITY 4
)
ENGINE = ReplacingMergeTree
PARTITION BY shard
ORDER BY (tenant, record_id, shard, log_index)
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1;
