import { GEN_AI, type PayloadName, type RunledgerRecord, type Step } from "@runledger/contract";
import { z } from "zod";
import { findLogPositions, type LogPosition } from "../audit/log-position.ts";
import type { ReceivedBounds } from "../runs/run-view.ts";
import type { ContentThread } from "./content-thread.ts";
import type { JsonBytes } from "./json-bytes.ts";
import { createLogChoice } from "./log-choice.ts";
import { type ReadLog, readLogs } from "./log-reader.ts";
import type { Content } from "./record-content.ts";
import type { ContentStores } from "./step-content.ts";

/** What is shown of a log record of a span. */
export interface LogOfStep {
  name: string;
  kind: RunledgerRecord["kind"];
  time: string;
  attributes: Record<string, unknown> | JsonBytes;
  content: Content;
  /** The id of a key that is not there: some content can't be opened and is left out. */
  sealedKey: string | null;
}

/** The log records of a span. */
export interface LogsOfStep {
  /** In order of time, those of one moment as they came. */
  logs: LogOfStep[];
  /** Some are not in the published log yet. */
  isPending: boolean;
  /** How many more there are than are read. */
  leftOut: number;
}

export interface StepLogs {
  /** Those that carry the step's span id, or none and its response id. `own`: names of what the step's own record has, which theirs does not stand in for. */
  ofStep(
    where: { tenant: string; runId: string; received: ReceivedBounds },
    step: Step,
    own: ReadonlySet<PayloadName>,
  ): Promise<LogsOfStep>;
}

/** A call that resends a long history has as many log records; what is beyond is told, not shown. */
const MAX_LOGS = 10_000;

const found = z.array(
  z.object({ record_id: z.string(), name: z.string(), start_time: z.string(), of_span: z.coerce.number() }),
);

/** Where a log record stands, and when it was made. */
interface Placed {
  at: LogPosition;
  name: string;
  start_time: string;
}

export function createStepLogs(
  { rows, objects, keyring }: Pick<ContentStores, "rows" | "objects" | "keyring">,
  thread: ContentThread,
): StepLogs {
  return {
    async ofStep({ tenant, runId, received }, step, own) {
      const sql = `
SELECT record_id, name, toString(start_time) AS start_time, count() OVER () AS of_span
FROM steps
WHERE tenant = {tenant:String} AND run_id = {run_id:String} AND event = 'log'
  AND (step_id = {step_id:String} OR (step_id = '' AND response_id != '' AND response_id = {response_id:String}))
  AND received_time BETWEEN fromUnixTimestamp64Nano({first_ns:Int64}) AND fromUnixTimestamp64Nano({last_ns:Int64})
ORDER BY start_time DESC, record_id DESC LIMIT {max:UInt32}`;
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
      const beyond = (some[0]?.of_span ?? 0) - some.length;
      if (some.length === 0) return { logs: [], isPending: false, leftOut: 0 };
      const positions = await findLogPositions(
        rows,
        tenant,
        some.map(({ record_id }) => record_id),
      );
      const placed = some.flatMap(({ record_id, ...one }): Placed[] => {
        const at = positions.get(record_id);
        return at === undefined ? [] : [{ at, ...one }];
      });
      const stores = { objects, findKey: keyring?.reader(), thread };
      const choice = createLogChoice(step.llm !== null, own);
      const read = await readLogs(
        stores,
        byImportance(placed).map(({ at }) => at),
        choice,
      );
      return {
        logs: read.logs.toSorted((a, b) => order(placeOf(a), placeOf(b))).map(shownOf),
        isPending: read.absent > 0 || placed.length < some.length,
        leftOut: beyond + read.leftOut,
      };
    },
  };
}

function order(a: Omit<Placed, "name">, b: Omit<Placed, "name">): number {
  if (a.start_time !== b.start_time) return a.start_time < b.start_time ? -1 : 1;
  return a.at.log_index - b.at.log_index;
}

function placeOf({ at, record }: ReadLog): Omit<Placed, "name"> {
  return { at, start_time: record.start_time };
}

function shownOf({ record, content, sealedKey }: ReadLog): LogOfStep {
  const { overflow, ...rest } = content;
  const { name, kind, start_time: time, attributes } = record;
  return { name, kind, time, attributes: overflow ?? attributes, content: rest, sealedKey };
}

/** The newest first, and before all others those with the details of a call. */
function byImportance(placed: readonly Placed[]): Placed[] {
  const newest = placed.toSorted((a, b) => order(b, a));
  const isDetails = ({ name }: Placed) => name === GEN_AI.detailsEvent;
  return [...newest.filter(isDetails), ...newest.filter((one) => !isDetails(one))];
}
