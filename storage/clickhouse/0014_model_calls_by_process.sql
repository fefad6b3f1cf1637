-- A model call is also looked for by its process, since words may not be told: `words` is the hash of either. What came before is found by its words only, until
-- `runledger rebuild`.
ALTER TABLE model_calls ADD COLUMN IF NOT EXISTS of_process Bool DEFAULT false AFTER words;

DROP VIEW IF EXISTS model_calls_from_steps;

CREATE MATERIALIZED VIEW IF NOT EXISTS model_calls_from_steps TO model_calls AS
WITH
    JSONExtractString(s.process, 'process.pid') AS pid,
    JSONExtractString(s.process, 'host.name') AS host,
    JSONExtractString(s.process, 'service.instance.id') AS instance,
    arrayJoin(arrayFilter(known -> known.2 != '', [
        tuple(false, s.input_preview::String),
        tuple(true, if(pid != '' AND host != '', concat('process ', pid, ' of ', host), '')),
        tuple(true, if(instance != '', concat('instance ', instance), ''))
    ])) AS known_by
SELECT
    s.tenant AS tenant,
    if(s.scope_name = '', s.dialect::String, concat('scope ', s.scope_name)) AS source,
    toInt32(intDiv(toUnixTimestamp64Milli(s.start_time), 60000)) AS minute,
    toUInt32(bitAnd(sipHash64(known_by.2), 4294967295)) AS words,
    known_by.1 AS of_process,
    s.response_id != '' AS named,
    s.run_id AS run_id,
    s.record_id AS record_id,
    s.start_time AS start_time,
    s.end_time AS end_time,
    s.received_time AS received_time
FROM steps AS s
WHERE s.event = 'step' AND s.llm_counted;
