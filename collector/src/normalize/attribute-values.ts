import type { AnyValue, KeyValue } from "../otlp/otlp.ts";

/**
 * An OTLP value as JSON that loses nothing: what JSON can't say becomes an object of one member:
 * `{int64: "…"}` beyond 2^53, `{bytes: base64}`, `{double: "NaN" | "Infinity" | "-Infinity"}`.
 */
export function jsonOfValue(value: AnyValue | null | undefined): unknown {
  if (value === null || value === undefined) return null;
  if (typeof value.stringValue === "string") return value.stringValue;
  if (typeof value.boolValue === "boolean") return value.boolValue;
  if (typeof value.intValue === "number") return value.intValue;
  if (typeof value.intValue === "bigint") return { int64: value.intValue.toString() };
  if (typeof value.doubleValue === "number") return jsonOfDouble(value.doubleValue);
  if (value.arrayValue) return value.arrayValue.values.map(jsonOfValue);
  if (value.kvlistValue) return jsonOfAttributes(value.kvlistValue.values);
  if (value.bytesValue) return { bytes: Buffer.from(value.bytesValue).toString("base64") };
  return null;
}

/** Attributes as a JSON object, in the order of their keys; of a repeated key the last one counts. Safe for any key. */
export function jsonOfAttributes(attributes: readonly KeyValue[]): Record<string, unknown> {
  const object: Record<string, unknown> = Object.create(null);
  for (const { key, value } of attributes.toSorted(byKey)) object[key] = jsonOfValue(value);
  return object;
}

/** The same as a map: the order makes one text of what was sent in any order. */
export function attributeMap(attributes: readonly KeyValue[]): Map<string, unknown> {
  const map = new Map<string, unknown>();
  for (const { key, value } of attributes.toSorted(byKey)) map.set(key, jsonOfValue(value));
  return map;
}

function byKey(a: KeyValue, b: KeyValue): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}

function jsonOfDouble(value: number): unknown {
  return Number.isFinite(value) ? value : { double: String(value) };
}
