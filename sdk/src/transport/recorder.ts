import { type RecordEvent, RUNLEDGER } from "@runledger/contract";
import { convertedRecord } from "../conversion/conversion.ts";
import type { Convert, RawRecord, Told } from "../conversion/raw-record.ts";
import type { Failures } from "../failures.ts";
import type { Resumption } from "../run/resumption.ts";
import type { Delivery } from "./delivery.ts";
import { createRandomId } from "./random-id.ts";
import { type OpenSpan, openSpan, type SpanMade } from "./record-span.ts";

/** Makes records, and hands each to the delivery: raw, to be converted by the thread that sends. */
export interface Recorder {
  /** Numbers the runs of this process. @param resumed one that goes on after its last record is followed. */
  newRun(resumed?: Resumption): number;
  start(made: SpanMade): OpenSpan;
  /** From now on the records of a run are converted as they are made, since the id of each is asked for at once. Gives the id of the last one. */
  follow(run: number): string | undefined;
  /** The run makes no more records. */
  forget(run: number): void;
}

export interface RecorderDependencies {
  delivery: Delivery;
  failures: Failures;
  convert: Convert;
  tell: (told: Told) => void;
  /** Rules that are functions can't go to another thread: every run is followed. */
  followAll: boolean;
}

/** Nothing of it is registered with OpenTelemetry: another set-up of it in the process is not touched. */
export function createRecorder({ delivery, failures, convert, tell, followAll }: RecorderDependencies): Recorder {
  const randomId = createRandomId();
  const followed = new Map<number, string | undefined>();
  let runs = 0;

  function convertOne(record: RawRecord, prev: string | undefined, toldElsewhere = false): RawRecord {
    const { spans, tails, told } = convert({
      records: [record],
      tails: prev === undefined ? [] : [[record.run, prev]],
    });
    if (!toldElsewhere) tell(told);
    const [span] = spans;
    return span === undefined ? record : convertedRecord(record, span, tails.at(-1)?.[1]);
  }
  const onEnd = (record: RawRecord) =>
    failures.attempt("record", () => {
      const urgent = isUrgent(record);
      if (!followed.has(record.run)) {
        delivery.add(record, urgent);
        return undefined;
      }
      const made = convertOne(record, followed.get(record.run));
      followed.set(record.run, made.made?.id ?? followed.get(record.run));
      delivery.add(made, urgent);
      return followed.get(record.run);
    });
  return {
    newRun(resumed) {
      runs++;
      if (followAll || resumed !== undefined) followed.set(runs, resumed?.progress.last);
      return runs;
    },
    start: (made) => openSpan(made, { randomId, onEnd }),
    follow(run) {
      if (!followed.has(run)) followed.set(run, delivery.convert(run, convertOne));
      return followed.get(run);
    },
    forget: (run) => void followed.delete(run),
  };
}

/** A run is to be seen when it begins and when it ends, not a batch later. */
function isUrgent({ attributes }: RawRecord): boolean {
  const event = attributes[RUNLEDGER.event] as RecordEvent | undefined;
  return event === "run_start" || event === "run_end";
}
