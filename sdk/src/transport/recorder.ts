import type { Attributes } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { type RecordEvent, RUNLEDGER } from "@runledger/contract";
import type { Failures } from "../failures.ts";
import type { Privacy } from "../privacy/privacy.ts";
import type { Delivery } from "./delivery.ts";
import { createRandomId } from "./random-id.ts";
import { createRecordIdentity } from "./record-identity.ts";
import { type OpenSpan, openSpan, type SpanMade } from "./record-span.ts";
import { spanOrigin } from "./span-origin.ts";

/** Makes spans, and hands each ended one to the delivery. */
export interface Recorder {
  start(name: string, start: Omit<SpanMade, "name">): OpenSpan;
}

/** Nothing of it is registered with OpenTelemetry: another set-up of it in the process is not touched. */
export function createRecorder(
  { delivery, failures, privacy }: { delivery: Delivery; failures: Failures; privacy: Privacy },
  serviceName: string,
): Recorder {
  const origin = spanOrigin(serviceName, process.pid);
  const randomId = createRandomId();
  const identityOf = createRecordIdentity(origin);
  const onEnd = (span: ReadableSpan) =>
    failures.attempt("record", () => {
      // Before it waits anywhere: the queue may go to the disk at any time, and at the end of the process at once.
      const covered = privacy.cover(span, failures);
      delivery.add(covered, isUrgent(covered.attributes));
      return identityOf(covered);
    });
  return { start: (name, start) => openSpan({ name, ...start }, { origin, randomId, onEnd }) };
}

/** A run is to be seen when it begins and when it ends, not a batch later. */
function isUrgent(attributes: Attributes): boolean {
  const event = attributes[RUNLEDGER.event] as RecordEvent | undefined;
  return event === "run_start" || event === "run_end";
}
