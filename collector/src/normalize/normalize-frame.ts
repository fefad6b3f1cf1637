import { rfc3339FromUnixNano } from "@runledger/contract";
import type { JournalFrame } from "@runledger/storage";
import { decodeAcceptedLogs, decodeAcceptedMetrics } from "../otlp/accepted-items.ts";
import { decodeAcceptedSpans, MAX_UNPACKED_BYTES } from "../otlp/accepted-spans.ts";
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

/** All accepted items of a journalled request in normal form: the same check as at receipt decides, so nothing acknowledged is left out. */
export function normalizeFrame(frame: JournalFrame, price: Pricer): NormalizedFrame {
  const reception: Reception = {
    tenant: frame.tenant,
    receivedTime: rfc3339FromUnixNano(frame.receivedUnixNano),
    ...(frame.own === true ? { own: true } : {}),
  };
  const body = unpackBodySync(frame.body, frame.encoding, MAX_UNPACKED_BYTES);
  const records = recordsOf({ ...frame, body, encoding: "identity" }, reception, price);
  return { seq: frame.seq, records, bodyBytes: body.byteLength };
}

function recordsOf(frame: JournalFrame, reception: Reception, price: Pricer): NormalizedRecord[] {
  const memo = createTextMemo();
  const originOf = createOrigins(memo.sha256);
  switch (frame.signal) {
    case "traces": {
      const viewOf = createSpanViews();
      return decodeAcceptedSpans(frame).map((accepted) =>
        normalizeSpan(viewOf(accepted.span), originOf(accepted), reception, price, memo),
      );
    }
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
