import type { JournalFrame } from "@runledger/storage";
import { decodeAcceptedLogs, decodeAcceptedMetrics } from "../otlp/accepted-items.ts";
import { type AcceptedSpan, decodeAcceptedSpans, MAX_UNPACKED_BYTES } from "../otlp/accepted-spans.ts";
import { unpackBodySync } from "../otlp/unpack.ts";
import { createLogIds } from "./log-id.ts";
import { normalizeLog } from "./normalize-log.ts";
import { normalizeMetric } from "./normalize-metric.ts";
import { normalizeSpan, type Reception } from "./normalize-span.ts";
import type { NormalizedFrame, NormalizedRecord } from "./normalized.ts";
import { createOrigins } from "./otlp-origin.ts";
import type { Pricer } from "./price.ts";
import { createSpanViews } from "./span-of-otlp.ts";
import { createTextMemo } from "./text-memo.ts";
import { createTimeTexts } from "./time-text.ts";

/** Brings the frames of a journal into normal form. What frames have in common (keys in order, tools, system prompts) is read once while it is remembered. */
export type FrameNormalizer = (frame: JournalFrame) => NormalizedFrame;

/** All accepted items of a journalled request in normal form: the same check as at receipt decides, so nothing acknowledged is left out. */
export function createFrameNormalizer(price: Pricer): FrameNormalizer {
  const memo = createTextMemo();
  const viewOf = createSpanViews();
  const originOf = createOrigins();
  const receivedTimeOf = createTimeTexts();
  return (frame) => {
    const reception: Reception = {
      tenant: frame.tenant,
      receivedTime: receivedTimeOf(frame.receivedUnixNano),
      ...(frame.own === true ? { own: true } : {}),
    };
    const body = unpackBodySync(frame.body, frame.encoding, MAX_UNPACKED_BYTES);
    const readSpan = (accepted: AcceptedSpan) =>
      normalizeSpan(viewOf(accepted.span), originOf(accepted), reception, price, memo);
    const records = recordsOf({ ...frame, body, encoding: "identity" }, reception, originOf, readSpan);
    memo.forgetLong();
    return { seq: frame.seq, records, bodyBytes: body.byteLength };
  };
}

/** The same for one frame. */
export function normalizeFrame(frame: JournalFrame, price: Pricer): NormalizedFrame {
  return createFrameNormalizer(price)(frame);
}

function recordsOf(
  frame: JournalFrame,
  reception: Reception,
  originOf: ReturnType<typeof createOrigins>,
  readSpan: (accepted: AcceptedSpan) => NormalizedRecord,
): NormalizedRecord[] {
  switch (frame.signal) {
    case "traces":
      return decodeAcceptedSpans(frame).map(readSpan);
    case "logs": {
      const idOf = createLogIds();
      return decodeAcceptedLogs(frame).flatMap((group) =>
        group.items.map((log) => normalizeLog(log, originOf(group), reception, idOf)),
      );
    }
    case "metrics":
      return decodeAcceptedMetrics(frame).flatMap((group) =>
        group.items.map((metric) => normalizeMetric(metric, originOf(group), reception)),
      );
  }
}
