import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Content,
  createAuditSink,
  createSeenRecords,
  type NormalizedFrame,
  type NormalizedRecord,
  type Sink,
} from "@runledger/collector";
import {
  type JournalCursor,
  loadOrCreateSigningKey,
  type Objects,
  openObjects,
  openOrCreateKeyring,
  type SigningKey,
} from "@runledger/storage";
import { pino } from "pino";

export const SHARD = "s0";

/** A directory with a log's objects and key, and a cursor that outlives the sinks that use it. */
export interface SampleStore {
  directory: string;
  objects: Objects;
  key: SigningKey;
  cursor: JournalCursor;
  /** Of the payloads' keys, which lie with the objects. */
  masterKey: { file: string };
}

export async function createSampleStore(shard = SHARD): Promise<SampleStore> {
  const directory = await mkdtemp(join(tmpdir(), "runledger-tamper-"));
  let at = 1;
  return {
    directory,
    masterKey: { file: join(directory, "master.key") },
    objects: await openObjects(`file:${directory}/objects`),
    key: await loadOrCreateSigningKey(join(directory, "log.key"), `runledger.local/sample/${shard}`),
    cursor: {
      load: async () => at,
      save: async (next) => {
        at = Math.max(at, next);
      },
    },
  };
}

/** A sink of the collector over the store, or over what is put in place of its objects or cursor. */
export async function openSampleSink(
  store: Omit<SampleStore, "directory">,
  shard = SHARD,
): Promise<{ sink: Sink; nextSeq: number }> {
  const { objects, key, cursor, masterKey } = store;
  const seen = createSeenRecords(10_000);
  const keys = (await openOrCreateKeyring(objects, masterKey)).writer();
  const logger = pino({ level: "silent" });
  const sink = createAuditSink({ objects, key, cursor, keys, seen, logger }, { shard });
  const { nextSeq } = await sink.open();
  return { sink, nextSeq };
}

/** Frames of one journal: `frameOf(seq)` is always the same. */
export function frameOf(seq: number, records: number): NormalizedFrame {
  return { seq, bodyBytes: 1000 * records, records: Array.from({ length: records }, (_, i) => sampleRecord(seq, i)) };
}

function sampleRecord(seq: number, i: number): NormalizedRecord {
  const span = (seq * 1000 + i).toString(16);
  const time = "2026-01-01T00:00:00.000000000Z";
  const content: Content = {
    system_prompt: '"be kind"',
    messages: Array.from(
      { length: 1 + (i % 4) },
      (_, n) => `{"role":"user","parts":[{"type":"text","content":"${n}"}]}`,
    ),
    response: `"answer ${seq}.${i}"`,
    // Long enough to be stored as the difference to the one before.
    input: JSON.stringify({ state: Array.from({ length: 110 + (i % 4) * 10 }, (_, n) => `note ${n}`) }),
  };
  return {
    content,
    inputPreview: "",
    outputPreview: "",
    facts: {
      v: 1,
      record_id: span.padStart(64, "0"),
      tenant: "default",
      event: "step",
      kind: "other",
      name: `step ${i}`,
      operation: null,
      run_id: `run-${seq % 3}`,
      trace_id: "a".repeat(32),
      step_id: span.padStart(16, "0"),
      parent_id: null,
      root: false,
      dialect: "otel",
      start_time: time,
      end_time: time,
      received_time: time,
      status: "ok",
      error: null,
      run_seq: null,
      run: {
        task_id: null,
        task_type: null,
        agent_name: null,
        agent_version: null,
        session_id: null,
        user_id: null,
        heartbeat_interval_ms: null,
      },
      llm: null,
      tool: null,
      end: null,
      cost: null,
      attributes: {},
      events: [],
      links: [],
      resource: {},
      scope: { name: "", version: "" },
    },
  };
}
