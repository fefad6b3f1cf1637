import type { AnyValue, Fixed64, KeyValue } from "./otlp.ts";

/** OTLP's LogRecord, by the rules of `otlp.ts`. */
export interface LogRecord {
  /** 0: the sender does not know when it happened, only when it was seen. */
  readonly timeUnixNano: Fixed64;
  readonly observedTimeUnixNano: Fixed64;
  /** OTLP SeverityNumber: 0 unspecified, 9 info, 13 warn, 17 error. */
  readonly severityNumber: number;
  readonly severityText: string;
  readonly body: AnyValue | null;
  readonly attributes: readonly KeyValue[];
  readonly droppedAttributesCount: number;
  readonly flags: number;
  /** Empty for a record outside of any trace. */
  readonly traceId: Uint8Array;
  readonly spanId: Uint8Array;
  /** "": no event, or one of an SDK that tells its name in the attribute `event.name`. */
  readonly eventName: string;
}
