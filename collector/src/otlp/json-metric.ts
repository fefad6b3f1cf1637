import {
  attributesOf,
  boolean,
  count,
  double,
  enumOf,
  field,
  fixed64,
  id,
  int64,
  type JsonObject,
  list,
  object,
  scalars,
  text,
} from "./json-fields.ts";
import type { Metric } from "./metric.ts";
import { type FieldKind, METRIC, type Shape, type Shaped, TEMPORALITIES } from "./metric-shape.ts";

/** An OTLP Metric in OTLP/JSON. @throws Error naming the field that is wrong. */
export function metricOf(value: JsonObject): Metric {
  return shapedOf(METRIC, value) as unknown as Metric;
}

function shapedOf(shape: Shape, value: JsonObject): Shaped {
  const message: Shaped = {};
  for (const { name, kind } of shape.fields) {
    const member = memberOf(value, name, kind);
    if (member !== undefined) message[name] = member;
  }
  return message;
}

function memberOf(value: JsonObject, name: string, kind: FieldKind): unknown {
  if (typeof kind === "object") {
    if ("messages" in kind) return list(value, name, (item) => shapedOf(kind.messages, item));
    const message = field(value, name);
    return message === undefined ? undefined : shapedOf(kind.message, object(message, name));
  }
  const absent = field(value, name) === undefined;
  if (absent && kind.startsWith("optional")) return undefined;
  switch (kind) {
    case "text":
      return text(value, name);
    case "id":
      return id(value, name);
    case "attributes":
      return attributesOf(value, name);
    case "bool":
      return !absent && boolean(value, name);
    case "enum":
      return enumOf(value, name, TEMPORALITIES);
    case "uint32":
      return count(value, name);
    case "sint32":
      return sint32(value, name);
    case "fixed64":
      return fixed64(value, name);
    case "optional sfixed64":
      return int64(value, name);
    case "double":
    case "optional double":
      return absent ? 0 : double(value, name);
    case "fixed64s":
    case "uint64s":
      return scalars(value, name, fixed64);
    case "doubles":
      return scalars(value, name, double);
  }
}

function sint32(value: JsonObject, name: string): number {
  const integer = int64(value, name);
  if (BigInt.asIntN(32, integer) !== integer) throw new Error(`${name} is not a 32-bit integer`);
  return Number(integer);
}
