import { createMembers } from "./members.ts";
import { SpanAttributes } from "./span-attributes.ts";
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
  /** A string that fits the whole pattern. */
  match(key: string, pattern: RegExp): string | null;
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
  return new Reader(SpanAttributes.from(attributes), memo);
}

class Reader implements AttributeReader {
  readonly memo: TextMemo;
  readonly #places: ReadonlyMap<string, number>;
  readonly #keys: readonly string[];
  readonly #values: readonly unknown[];
  /** 1 for what was given out, by place. */
  readonly #taken: Uint8Array;

  constructor({ shape, list }: SpanAttributes, memo: TextMemo) {
    this.memo = memo;
    this.#places = shape.places;
    this.#keys = shape.keys;
    this.#values = list;
    this.#taken = new Uint8Array(list.length);
  }

  text(key: string): string | null {
    return this.#take(key, textOf);
  }
  match(key: string, pattern: RegExp): string | null {
    return this.#take(key, (value) => (typeof value === "string" && pattern.test(value) ? value : null));
  }
  count(key: string): number | null {
    return this.#take(key, countOf);
  }
  number(key: string): number | null {
    return this.#take(key, numberOf);
  }
  boolean(key: string): boolean | null {
    return this.#take(key, booleanOf);
  }
  texts(key: string): string[] {
    return this.#take(key, textsOf) ?? [];
  }
  oneOf<const Value extends string>(key: string, values: readonly Value[]): Value | null {
    return this.#take(key, (value) => values.find((word) => word === value) ?? null);
  }
  value(key: string): unknown {
    return this.#take(key, asItIs);
  }

  rest(): Record<string, unknown> {
    const rest = createMembers();
    for (let place = 0; place < this.#keys.length; place += 1)
      if (this.#taken[place] === 0) rest[this.#keys[place] as string] = this.#values[place];
    return rest;
  }

  #take<Value>(key: string, accept: (value: unknown) => Value | null): Value | null {
    const place = this.#places.get(key);
    if (place === undefined) return null;
    const accepted = accept(this.#values[place]);
    if (accepted !== null) this.#taken[place] = 1;
    return accepted;
  }
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
