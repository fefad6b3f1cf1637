/**
 * OTLP traces as both encodings are decoded to: names as in OTLP/JSON, enums as numbers, ids as bytes. Absent messages are null or undefined,
 * absent lists empty, absent text "". Source: https://github.com/open-telemetry/opentelemetry-proto (v1).
 */
export interface TracesRequest<Item = Span> {
  readonly resourceSpans: readonly ResourceSpans<Item>[];
}

export interface ResourceSpans<Item = Span> {
  readonly resource?: Resource | null;
  readonly scopeSpans: readonly ScopeSpans<Item>[];
  readonly schemaUrl: string;
}

export interface Resource {
  readonly attributes: readonly KeyValue[];
  readonly droppedAttributesCount: number;
}

export interface ScopeSpans<Item = Span> {
  readonly scope?: Scope | null;
  readonly spans: readonly Item[];
  /** For each span that could not be decoded, why. Absent when there is none. */
  readonly undecodable?: string[];
  readonly schemaUrl: string;
}

export interface Scope {
  readonly name: string;
  readonly version: string;
  readonly attributes: readonly KeyValue[];
  readonly droppedAttributesCount: number;
}

export interface Span extends SpanFacts {
  readonly traceId: Uint8Array;
  readonly spanId: Uint8Array;
  /** Empty for a root. */
  readonly parentSpanId: Uint8Array;
  readonly attributes: readonly KeyValue[];
}

/** A span without what is read in two forms: as OTLP has it (`Span`), and as the normal form has it (`SentSpan`). */
export interface SpanFacts {
  readonly traceState: string;
  readonly flags: number;
  readonly name: string;
  /** OTLP SpanKind. */
  readonly kind: number;
  readonly startTimeUnixNano: Fixed64;
  readonly endTimeUnixNano: Fixed64;
  readonly droppedAttributesCount: number;
  readonly events: readonly SpanEvent[];
  readonly droppedEventsCount: number;
  readonly links: readonly SpanLink[];
  readonly droppedLinksCount: number;
  readonly status?: SpanStatus | null;
}

export interface SpanEvent {
  readonly timeUnixNano: Fixed64;
  readonly name: string;
  readonly attributes: readonly KeyValue[];
  readonly droppedAttributesCount: number;
}

export interface SpanLink {
  readonly traceId: Uint8Array;
  readonly spanId: Uint8Array;
  readonly traceState: string;
  readonly attributes: readonly KeyValue[];
  readonly droppedAttributesCount: number;
  readonly flags: number;
}

export interface SpanStatus {
  readonly message: string;
  /** OTLP StatusCode: 0 unset, 1 ok, 2 error. */
  readonly code: number;
}

export interface KeyValue {
  readonly key: string;
  readonly value?: AnyValue | null;
}

/** At most one of them is set. */
export interface AnyValue {
  readonly stringValue?: string | null;
  readonly boolValue?: boolean | null;
  /** A number where that is exact. */
  readonly intValue?: number | bigint | null;
  readonly doubleValue?: number | null;
  readonly arrayValue?: { readonly values: readonly AnyValue[] } | null;
  readonly kvlistValue?: { readonly values: readonly KeyValue[] } | null;
  readonly bytesValue?: Uint8Array | null;
}

/** A time in nanoseconds since the epoch; an object stands for an absent one. Read it with `unixNano`. */
export type Fixed64 = bigint | object;

/** Nanoseconds since the epoch, exact; 0 when absent. */
export function unixNano(value: Fixed64): bigint {
  return typeof value === "bigint" ? value : 0n;
}

/**
 * malformed, too_large, unsupported_type, unknown_path, wrong_method, unauthenticated, permission_denied: the sender must change something,
 * the same request will be refused again · overloaded, timeout, closing: the same request may succeed later.
 */
export type OtlpErrorCode =
  | "malformed"
  | "too_large"
  | "unsupported_type"
  | "unknown_path"
  | "wrong_method"
  | "unauthenticated"
  | "permission_denied"
  | "overloaded"
  | "timeout"
  | "closing"
  | "not_stored";

/** Why a request is refused as a whole; the message is for the sender. */
export class OtlpError extends Error {
  readonly code: OtlpErrorCode;

  constructor(code: OtlpErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "OtlpError";
    this.code = code;
  }
}
