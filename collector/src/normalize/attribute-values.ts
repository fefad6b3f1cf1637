import type { AnyValue, KeyValue } from "../otlp/otlp.ts";
import { createMembers } from "./members.ts";
import { type KeyShape, keyShapeOf, SpanAttributes } from "./span-attributes.ts";

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
  const object = createMembers();
  for (const { key, value } of attributes.length < 2 ? attributes : attributes.toSorted(byKey))
    object[key] = jsonOfValue(value);
  return object;
}

/** The same as a map: the order makes one text of what was sent in any order. */
export function attributeMap(attributes: readonly KeyValue[]): SpanAttributes {
  return createAttributeMaps()(attributes);
}

/** Items of one kind have the same keys in the same order; of so many kinds the order by key is remembered. */
const MAX_KEY_LISTS = 32;
/** A longer list of keys is hardly sent again. */
const MAX_KEPT_KEYS = 1_000;

interface KeyList {
  /** As they were sent, a repeated one each time. */
  sent: readonly string[];
  shape: KeyShape;
  /** For each key of the shape, where its value was sent. */
  from: readonly number[];
}

/** `attributeMap` for many, one after the other: all that depends on the keys alone is done once for each list of keys. */
export function createAttributeMaps(): (attributes: readonly KeyValue[]) => SpanAttributes {
  const known: KeyList[] = [];
  return (attributes) => {
    let list = known.find(({ sent }) => hasKeys(attributes, sent));
    if (list === undefined) {
      list = keyListOf(attributes);
      if (attributes.length <= MAX_KEPT_KEYS) known.unshift(list);
      known.length = Math.min(known.length, MAX_KEY_LISTS);
    }
    const { shape, from } = list;
    const values: unknown[] = [];
    for (let place = 0; place < from.length; place += 1)
      values.push(jsonOfValue(attributes[from[place] as number]?.value));
    return new SpanAttributes(shape, values);
  };
}

function hasKeys(attributes: readonly KeyValue[], keys: readonly string[]): boolean {
  if (attributes.length !== keys.length) return false;
  for (let at = 0; at < keys.length; at += 1) if (attributes[at]?.key !== keys[at]) return false;
  return true;
}

/** Sorting is stable: of a repeated key the last one counts. */
function keyListOf(attributes: readonly KeyValue[]): KeyList {
  const numbered = attributes.map(({ key }, at) => ({ key, at })).sort(byKey);
  const last = numbered.filter(({ key }, at) => numbered[at + 1]?.key !== key);
  return {
    sent: attributes.map(({ key }) => key),
    shape: keyShapeOf(last.map(({ key }) => key)),
    from: last.map(({ at }) => at),
  };
}

function byKey(a: { readonly key: string }, b: { readonly key: string }): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}

function jsonOfDouble(value: number): unknown {
  return Number.isFinite(value) ? value : { double: String(value) };
}
