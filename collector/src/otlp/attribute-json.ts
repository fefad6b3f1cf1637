import { createMembers } from "./members.ts";
import type { AnyValue, KeyValue } from "./otlp.ts";

/**
 * An OTLP value as JSON that loses nothing: what JSON can't say becomes an object of one member:
 * `{int64: "…"}` beyond 2^53, `{bytes: base64}`, `{double: "NaN" | "Infinity" | "-Infinity"}`.
 */
export function jsonOfValue(value: AnyValue | null | undefined): unknown {
  if (value === null || value === undefined) return null;
  if (typeof value.stringValue === "string") return value.stringValue;
  if (typeof value.boolValue === "boolean") return value.boolValue;
  if (value.intValue !== null && value.intValue !== undefined) return jsonOfInteger(value.intValue);
  if (typeof value.doubleValue === "number") return jsonOfDouble(value.doubleValue);
  if (value.arrayValue) return value.arrayValue.values.map(jsonOfValue);
  if (value.kvlistValue) return jsonOfAttributes(value.kvlistValue.values);
  return value.bytesValue ? jsonOfBytes(value.bytesValue) : null;
}

/** Attributes as a JSON object, in the order of their keys; of a repeated key the last one counts. Safe for any key. */
export function jsonOfAttributes(attributes: readonly KeyValue[]): Record<string, unknown> {
  const object = createMembers();
  for (const { key, value } of attributes.length < 2 ? attributes : attributes.toSorted(byKey))
    object[key] = jsonOfValue(value);
  return object;
}

/** A bigint is one beyond 2^53. */
export function jsonOfInteger(value: number | bigint): unknown {
  return typeof value === "bigint" ? { int64: value.toString() } : value;
}

export function jsonOfDouble(value: number): unknown {
  return Number.isFinite(value) ? value : { double: String(value) };
}

export function jsonOfBytes(value: Uint8Array): unknown {
  return { bytes: Buffer.from(value).toString("base64") };
}

/** In the order of UTF-16 code units. */
export function byKey(a: { readonly key: string }, b: { readonly key: string }): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}
