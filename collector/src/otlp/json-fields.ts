import type { AnyValue, KeyValue, Resource, Scope } from "./otlp.ts";
import { exactNumber, MAX_ITEMS, tooMany } from "./protobuf-reader.ts";

export type JsonObject = Record<string, unknown>;

/** Nesting of attribute values: as deep as protobuf goes, which counts two messages a level. */
const MAX_DEPTH = 48;

export function resourceOf(value: JsonObject): Resource {
  return { attributes: attributesOf(value), droppedAttributesCount: count(value, "droppedAttributesCount") };
}

export function scopeOf(value: JsonObject): Scope {
  return { name: text(value, "name"), version: text(value, "version"), ...resourceOf(value) };
}

export function attributesOf(value: JsonObject, name = "attributes"): KeyValue[] {
  return list(value, name, (item) => keyValueOf(item, 0));
}

function keyValueOf(value: JsonObject, depth: number): KeyValue {
  const any = field(value, "value");
  return { key: text(value, "key"), value: any === undefined ? null : anyValueOf(object(any, "value"), depth) };
}

export function anyValueOf(value: JsonObject, depth: number): AnyValue {
  if (depth > MAX_DEPTH) throw new Error(`an attribute's value is nested deeper than ${MAX_DEPTH}`);
  const has = (name: string) => field(value, name) !== undefined;
  if (has("stringValue")) return { stringValue: text(value, "stringValue") };
  if (has("boolValue")) return { boolValue: boolean(value, "boolValue") };
  if (has("intValue")) return { intValue: exactNumber(int64(value, "intValue")) };
  if (has("doubleValue")) return { doubleValue: double(value, "doubleValue") };
  if (has("bytesValue")) return { bytesValue: Buffer.from(text(value, "bytesValue"), "base64") };
  if (has("arrayValue")) {
    const array = object(field(value, "arrayValue"), "arrayValue");
    return { arrayValue: { values: list(array, "values", (item) => anyValueOf(item, depth + 1)) } };
  }
  if (has("kvlistValue")) {
    const pairs = object(field(value, "kvlistValue"), "kvlistValue");
    return { kvlistValue: { values: list(pairs, "values", (item) => keyValueOf(item, depth + 1)) } };
  }
  return {};
}

/** A field by its JSON name or its protobuf name; null counts as absent. */
export function field(value: JsonObject, name: string): unknown {
  return value[name] ?? value[name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)] ?? undefined;
}

export function object(value: unknown, what: string): JsonObject {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw new Error(`${what} is not an object`);
}

export function list<Item>(value: JsonObject, name: string, itemOf: (item: JsonObject) => Item): Item[] {
  return array(value, name).map((item) => itemOf(object(item, `an item of ${name}`)));
}

/** Each item by itself: for one that is wrong, why; it must not cost its neighbours. */
export function listOrSkip<Item>(
  value: JsonObject,
  name: string,
  itemOf: (item: JsonObject) => Item,
): { items: Item[]; undecodable: string[] } {
  const items: Item[] = [];
  const undecodable: string[] = [];
  const given = array(value, name);
  if (given.length > MAX_ITEMS) throw tooMany(MAX_ITEMS, "items");
  for (const item of given) {
    try {
      items.push(itemOf(object(item, `an item of ${name}`)));
    } catch (error) {
      undecodable.push(error instanceof Error ? error.message : String(error));
    }
  }
  return { items, undecodable };
}

/** A list of plain values, each read as a field of its own. */
export function scalars<Item>(value: JsonObject, name: string, read: (item: JsonObject, name: string) => Item): Item[] {
  return array(value, name).map((item) => read({ [name]: item }, name));
}

function array(value: JsonObject, name: string): unknown[] {
  const items = field(value, name) ?? [];
  if (!Array.isArray(items)) throw new Error(`${name} is not an array`);
  return items;
}

export function text(value: JsonObject, name: string): string {
  const found = field(value, name) ?? "";
  if (typeof found !== "string") throw new Error(`${name} is not a string`);
  if (!found.isWellFormed()) throw new Error(`${name} holds a lone surrogate, which UTF-8 has no form for`);
  return found;
}

export function boolean(value: JsonObject, name: string): boolean {
  const found = field(value, name);
  if (typeof found !== "boolean") throw new Error(`${name} is not a boolean`);
  return found;
}

export function double(value: JsonObject, name: string): number {
  const found = field(value, name);
  if (typeof found === "number" || typeof found === "bigint") return Number(found);
  if (typeof found === "string" && /^(NaN|-?Infinity|-?[\d.]+([eE][+-]?\d+)?)$/.test(found)) return Number(found);
  throw new Error(`${name} is not a number`);
}

export function count(value: JsonObject, name: string): number {
  const found = Number(field(value, name) ?? 0);
  if (!Number.isInteger(found) || found < 0 || found > 0xffffffff)
    throw new Error(`${name} is not an unsigned 32-bit integer`);
  return found;
}

export function int64(value: JsonObject, name: string): bigint {
  const found = field(value, name) ?? 0;
  const integer = integerOf(found);
  if (integer === null || BigInt.asIntN(64, integer) !== integer) throw new Error(`${name} is not a 64-bit integer`);
  return integer;
}

export function fixed64(value: JsonObject, name: string): bigint {
  const found = field(value, name) ?? 0;
  const integer = integerOf(found);
  if (integer === null || BigInt.asUintN(64, integer) !== integer)
    throw new Error(`${name} is not an unsigned 64-bit integer`);
  return integer;
}

function integerOf(value: unknown): bigint | null {
  if (typeof value === "bigint") return value;
  if (typeof value === "number") return Number.isInteger(value) ? BigInt(value) : null;
  return typeof value === "string" && /^-?\d{1,20}$/.test(value) ? BigInt(value) : null;
}

export function id(value: JsonObject, name: string): Uint8Array {
  const hex = text(value, name);
  if (!/^([0-9a-fA-F]{2})*$/.test(hex)) throw new Error(`${name} is not hexadecimal`);
  return Buffer.from(hex, "hex");
}

export function enumOf(value: JsonObject, name: string, names: readonly string[]): number {
  const found = field(value, name) ?? 0;
  const number = typeof found === "string" ? names.indexOf(found) : Number(found);
  if (!Number.isInteger(number) || number < 0)
    throw new Error(`${name} is not one of ${names.join(", ")} or its number`);
  return number;
}
