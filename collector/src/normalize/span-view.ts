import { createTextMemo, type TextMemo } from "./text-memo.ts";

/** A span as the dialects see it: ids in hex, times in RFC 3339, attribute values as JSON. */
export interface SpanView {
  traceId: string;
  spanId: string;
  parentSpanId: string | null;
  name: string;
  startTime: string;
  endTime: string;
  /** OTLP StatusCode: 0 unset, 1 ok, 2 error. */
  statusCode: number;
  statusMessage: string;
  /** In the order of their keys. */
  attributes: ReadonlyMap<string, unknown>;
  events: readonly SpanEvent[];
  links: readonly unknown[];
}

export interface SpanEvent {
  name: string;
  time: string;
  attributes: Record<string, unknown>;
}

/** Gives out the attributes of a span and remembers which were taken: the rest is what no dialect claimed. */
export interface AttributeReader {
  /** A non-empty string; a value of another type is left for `rest`. */
  text(key: string): string | null;
  /** A whole number >= 0, also when sent as text. */
  count(key: string): number | null;
  number(key: string): number | null;
  boolean(key: string): boolean | null;
  texts(key: string): string[];
  /** One of a closed list; any other word is left for `rest`. */
  oneOf<const Value extends string>(key: string, values: readonly Value[]): Value | null;
  /** Any value. */
  value(key: string): unknown;
  rest(): Record<string, unknown>;
  /** For the texts of these attributes, and of what is made of them. */
  memo: TextMemo;
}

export function createAttributeReader(
  attributes: ReadonlyMap<string, unknown>,
  memo = createTextMemo(),
): AttributeReader {
  const taken = new Set<string>();
  const take = <Value>(key: string, accept: (value: unknown) => Value | null): Value | null => {
    const value = attributes.get(key);
    if (value === undefined) return null;
    const accepted = accept(value);
    if (accepted !== null) taken.add(key);
    return accepted;
  };
  return {
    text: (key) => take(key, textOf),
    count: (key) => take(key, countOf),
    number: (key) => take(key, numberOf),
    boolean: (key) => take(key, booleanOf),
    texts: (key) => take(key, textsOf) ?? [],
    oneOf: (key, values) => take(key, (value) => values.find((word) => word === value) ?? null),
    value: (key) => take(key, asItIs),
    rest: () => restOf(attributes, taken),
    memo,
  };
}

function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

function numberOf(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

function booleanOf(value: unknown): boolean | null {
  return typeof value === "boolean" ? value : null;
}

function asItIs(value: unknown): unknown {
  return value;
}

function countOf(value: unknown): number | null {
  const count = typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : value;
  return typeof count === "number" && Number.isSafeInteger(count) && count >= 0 ? count : null;
}

function textsOf(value: unknown): string[] | null {
  if (typeof value === "string") return [value];
  return Array.isArray(value) && value.every((item) => typeof item === "string") ? value : null;
}

function restOf(attributes: ReadonlyMap<string, unknown>, taken: ReadonlySet<string>): Record<string, unknown> {
  const rest: Record<string, unknown> = Object.create(null);
  for (const [key, value] of attributes) if (!taken.has(key)) rest[key] = value;
  return rest;
}
