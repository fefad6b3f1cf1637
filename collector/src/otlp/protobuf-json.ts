import { byKey, jsonOfBytes, jsonOfDouble, jsonOfInteger } from "./attribute-json.ts";
import { createMembers } from "./members.ts";
import { beginMessage, endMessage } from "./protobuf-message.ts";
import type { ExactReader } from "./protobuf-reader.ts";

/** Reads a KeyValue behind those read before, its value as JSON at once: an object less for the key and one for the value. */
export function readSentAttribute(keys: string[], values: unknown[], reader: ExactReader, depth: number): void {
  const outerEnd = beginMessage(reader, depth);
  let key = "";
  let value: unknown = null;
  while (reader.pos < reader.len) {
    const tag = reader.tag();
    if (tag === 10) key = reader.key();
    else if (tag === 18) value = readJsonValue(value, reader, depth + 1);
    else reader.skipType(tag & 7, depth + 1, tag >>> 3);
  }
  endMessage(reader, outerEnd);
  keys.push(key);
  values.push(value);
}

/** As `jsonOfValue(readAnyValue(…))`. */
function readJsonValue(before: unknown, reader: ExactReader, depth: number): unknown {
  const outerEnd = beginMessage(reader, depth);
  let value = before;
  while (reader.pos < reader.len) {
    const tag = reader.tag();
    if (tag === 10) value = reader.value();
    else if (tag === 24) value = jsonOfInteger(reader.readInt64());
    else if (tag === 16) value = reader.bool();
    else if (tag === 33) value = jsonOfDouble(reader.double());
    else if (tag === 42) value = readJsonList(reader, depth + 1);
    else if (tag === 50) value = readJsonMembers(reader, depth + 1);
    else if (tag === 58) value = jsonOfBytes(reader.bytes());
    else reader.skipType(tag & 7, depth + 1, tag >>> 3);
  }
  endMessage(reader, outerEnd);
  return value;
}

function readJsonList(reader: ExactReader, depth: number): unknown[] {
  const outerEnd = beginMessage(reader, depth);
  const items: unknown[] = [];
  while (reader.pos < reader.len) {
    const tag = reader.tag();
    if (tag === 10) items.push(readJsonValue(null, reader, depth + 1));
    else reader.skipType(tag & 7, depth + 1, tag >>> 3);
  }
  endMessage(reader, outerEnd);
  return items;
}

function readJsonMembers(reader: ExactReader, depth: number): Record<string, unknown> {
  const outerEnd = beginMessage(reader, depth);
  const [keys, values]: [string[], unknown[]] = [[], []];
  while (reader.pos < reader.len) {
    const tag = reader.tag();
    if (tag === 10) readSentAttribute(keys, values, reader, depth + 1);
    else reader.skipType(tag & 7, depth + 1, tag >>> 3);
  }
  endMessage(reader, outerEnd);
  const members = createMembers();
  const inOrder = keys.map((key, at) => ({ key, value: values[at] })).sort(byKey);
  for (const { key, value } of inOrder) members[key] = value;
  return members;
}
