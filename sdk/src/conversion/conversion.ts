import type { Attributes, HrTime } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { OTEL, type RecordEvent, RUNLEDGER } from "@runledger/contract";
import type { FailureKind } from "../failures.ts";
import { classOf } from "../privacy/content-attributes.ts";
import { type Cover, createCover } from "../privacy/cover.ts";
import type { CoverSettings } from "../privacy/rules.ts";
import { STATUS_ERROR } from "../transport/record-span.ts";
import { modelCallFacts } from "./model-call-attributes.ts";
import type { Attempt } from "./model-call-reading.ts";
import type { Convert, RawRecord, Told } from "./raw-record.ts";
import { createRecordIdentity } from "./record-identity.ts";
import { type OriginSettings, type SpanOrigin, spanOrigin } from "./span-origin.ts";

/** Data alone: it crosses to another thread. */
export interface ConversionSettings extends OriginSettings {
  cover: CoverSettings;
}

export function createConversion(settings: ConversionSettings): Convert {
  const origin = spanOrigin(settings);
  const identityOf = createRecordIdentity(origin);
  const cover = createCover(settings.cover);

  return ({ records, tails }) => {
    const last = new Map(tails);
    const told: Told = { found: {}, withheld: 0, unreadable: 0, failures: [] };
    const spans: ReadableSpan[] = [];
    for (const record of records) {
      const span = record.made ? spanOf(record, origin) : converted(record, last.get(record.run));
      const id = record.made ? record.made.id : attempt("record", () => identityOf(span));
      if (id !== undefined) last.set(record.run, id);
      spans.push(span);
    }
    return { spans, tails: [...last], told };

    function attempt<T>(kind: FailureKind, work: () => T): T | undefined {
      try {
        return work();
      } catch (error) {
        told.failures.push({ kind, message: error instanceof Error ? error.message : String(error) });
        return undefined;
      }
    }
    function converted(record: RawRecord, prev: string | undefined): ReadableSpan {
      const chained = prev === undefined ? {} : { [RUNLEDGER.runPrev]: prev };
      const raw = { ...record, attributes: { ...record.attributes, ...chained } };
      const read = attempt("record", () => withModelCall(raw, (work) => attempt("capture", work)));
      return attempt("redaction", () => coveredBy(cover, spanOf(read ?? raw, origin), told)) ?? withheld(raw, origin);
    }
  };
}

function withModelCall(record: RawRecord, attempt: Attempt): RawRecord {
  if (record.modelCall === undefined) return record;
  const { name, attributes, error } = modelCallFacts(record.modelCall, attempt);
  const failed = error === undefined ? {} : { [OTEL.errorType]: error.type };
  const status = error === undefined ? record.status : { code: STATUS_ERROR, message: error.message };
  return { ...record, name, status, attributes: { ...record.attributes, ...attributes, ...failed } };
}

function coveredBy(cover: Cover, span: ReadableSpan, told: Told): ReadableSpan {
  const { span: covered, found, withheld, failed } = cover(span);
  for (const kind in found) told.found[kind] = (told.found[kind] ?? 0) + (found[kind] ?? 0);
  told.withheld += withheld.length;
  told.unreadable += failed.length;
  for (const rule of failed) told.failures.push({ kind: "redaction", message: `content is withheld: ${rule} failed` });
  return covered;
}

/** What of a record is sure to be nobody's words: it arrives all the same. */
function withheld(record: RawRecord, origin: SpanOrigin): ReadableSpan {
  const attributes: Attributes = { [RUNLEDGER.redactionFailed]: ["conversion"] };
  for (const key in record.attributes) if (classOf(key) === "fact") attributes[key] = record.attributes[key];
  const status = { code: record.status.code };
  return spanOf({ ...record, name: String(attributes[RUNLEDGER.stepKind] ?? "record"), status, attributes }, origin);
}

/** The end of its run: none names it as the one before. */
export function endsRun({ attributes }: RawRecord): boolean {
  return attributes[RUNLEDGER.event] === ("run_end" satisfies RecordEvent);
}

/** As the serializer of OpenTelemetry reads it. */
function spanOf(
  { name, kind, context, parent, status, attributes, ...times }: RawRecord,
  origin: SpanOrigin,
): ReadableSpan {
  const startTime = hrTime(times.startTime);
  const endTime = hrTime(Math.max(times.endTime, times.startTime));
  return {
    name,
    kind,
    spanContext: () => context,
    ...(parent === undefined ? {} : { parentSpanContext: parent }),
    startTime,
    endTime,
    duration: [endTime[0] - startTime[0], endTime[1] - startTime[1]],
    status,
    attributes,
    links: [],
    events: [],
    ended: true,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
    ...origin,
  };
}

/** What goes out of a record that was converted on the agent's thread, as data again. */
export function convertedRecord(record: RawRecord, span: ReadableSpan, id: string | undefined): RawRecord {
  const { name, status, attributes } = span;
  return { ...record, name, status, attributes, modelCall: undefined, made: { id } };
}

function hrTime(epochMs: number): HrTime {
  const seconds = Math.floor(epochMs / 1000);
  return [seconds, Math.floor((epochMs - seconds * 1000) * 1e6)];
}
