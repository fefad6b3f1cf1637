import {
  CHECKPOINT_PATH,
  type FindPayloadKey,
  logPrefix,
  type ReadObject,
  readEntry,
  type Step,
  unverifiedCheckpoint,
} from "@runledger/contract";
import type { Objects } from "@runledger/storage";
import { z } from "zod";
import { findLogPositions, type LogPosition } from "../audit/log-position.ts";
import type { ReceivedBounds } from "../runs/run-view.ts";
import { readRecord, type WholeRecord } from "./record-content.ts";
import type { ContentStores } from "./step-content.ts";

/** The log records of a span. */
export interface LogsOfStep {
  /** In order of time, those of one moment as they came. */
  logs: WholeRecord[];
  /** Some are not in the published log yet. */
  isPending: boolean;
  /** How many more there are than are read. */
  leftOut: number;
}

export interface StepLogs {
  /** Those that carry the step's span id, or none and its response id. */
  ofStep(where: { tenant: string; runId: string; received: ReceivedBounds }, step: Step): Promise<LogsOfStep>;
}

/** A call that resends a long history has as many log records; what is beyond is told, not shown. */
const MAX_LOGS = 10_000;
const READ_AT_ONCE = 32;

const found = z.array(z.object({ record_id: z.string(), start_time: z.string(), of_span: z.coerce.number() }));

export function createStepLogs({
  rows,
  objects,
  keyring,
}: Pick<ContentStores, "rows" | "objects" | "keyring">): StepLogs {
  return {
    async ofStep({ tenant, runId, received }, step) {
      const sql = `
SELECT record_id, toString(start_time) AS start_time, count() OVER () AS of_span
FROM steps
WHERE tenant = {tenant:String} AND run_id = {run_id:String} AND event = 'log'
  AND (step_id = {step_id:String} OR (step_id = '' AND response_id != '' AND response_id = {response_id:String}))
  AND received_time BETWEEN fromUnixTimestamp64Nano({first_ns:Int64}) AND fromUnixTimestamp64Nano({last_ns:Int64})
ORDER BY start_time, record_id LIMIT {max:UInt32}`;
      const answer = await rows.query<object>(sql, {
        tenant,
        run_id: runId,
        step_id: step.step_id,
        response_id: step.llm?.response_id ?? "",
        first_ns: received.firstNs,
        last_ns: received.lastNs,
        max: MAX_LOGS,
      });
      const some = found.parse(answer);
      const leftOut = (some[0]?.of_span ?? 0) - some.length;
      if (some.length === 0) return { logs: [], isPending: false, leftOut: 0 };
      const ids = some.map(({ record_id }) => record_id);
      const positions = await findLogPositions(rows, tenant, ids);
      const ordered = some
        .flatMap(({ record_id, start_time }) => {
          const at = positions.get(record_id);
          return at === undefined ? [] : [{ at, start_time }];
        })
        .sort((a, b) =>
          a.start_time < b.start_time ? -1 : a.start_time > b.start_time ? 1 : a.at.log_index - b.at.log_index,
        );
      const read = createEntryReader(objects, keyring?.reader());
      const logs: WholeRecord[] = [];
      for (let start = 0; start < ordered.length; start += READ_AT_ONCE) {
        const records = await Promise.all(ordered.slice(start, start + READ_AT_ONCE).map(({ at }) => read(at)));
        logs.push(...records.filter((record) => record !== null));
      }
      return { logs, isPending: logs.length < some.length, leftOut };
    },
  };
}

/** Reads many entries of the published log, each of its objects once; null for an entry that no checkpoint covers yet. */
function createEntryReader(
  objects: Objects,
  findKey: FindPayloadKey | undefined,
): (at: LogPosition) => Promise<WholeRecord | null> {
  const kept = new Map<string, Promise<Uint8Array | null>>();
  const readOnce = (path: string) => {
    const bytes = kept.get(path) ?? objects.read(path);
    kept.set(path, bytes);
    return bytes;
  };
  return async ({ shard, log_index }) => {
    const read: ReadObject = (path) => readOnce(`${logPrefix(shard)}${path}`);
    const checkpoint = await read(CHECKPOINT_PATH);
    const size = checkpoint === null ? 0 : unverifiedCheckpoint(checkpoint).size;
    const entry = log_index < size ? await readEntry(read, log_index, size) : null;
    return entry === null ? null : readRecord({ objects, findKey, thread: null }, shard, entry);
  };
}
