import { createMembers } from "../otlp/members.ts";
import { type KeyShape, noted, SpanAttributes } from "./span-attributes.ts";
import { createTextMemo, type TextMemo } from "./text-memo.ts";

/** More tokens than any call can have: such a number counts as unknown. */
const MAX_TOKENS = 1_000_000_000;

export function believableTokens(count: number | null): number | null {
  return count !== null && count <= MAX_TOKENS ? count : null;
}

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
  /** The first of these that is one; what else says the same is taken with it, what says otherwise is left for `rest`. */
  firstText(keys: readonly string[]): string | null;
  /** The same of numbers of tokens: what is more than `MAX_TOKENS` is none. */
  tokens(keys: readonly string[]): number | null;
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
  /** Those of a list whose keys there are, looked for once for all spans with the same keys. The list must be a constant. */
  there<Named extends { readonly key: string }>(list: readonly Named[]): readonly Named[];
  /** Of each list the keys that there are, looked for once in the same way. `lists` must be a constant. */
  among<Name extends string>(lists: KeyLists<Name>): KeyLists<Name>;
  /** Takes the values at these places of the keys' order, as `value` does. */
  take(places: readonly number[]): void;
  rest(): Record<string, unknown>;
  /** For the texts of these attributes, and of what is made of them. */
  memo: TextMemo;
}

/** Keys by what they tell, in the order in which they count. */
export type KeyLists<Name extends string> = Readonly<Record<Name, readonly string[]>>;

export function createAttributeReader(
  attributes: ReadonlyMap<string, unknown>,
  memo = createTextMemo(),
): AttributeReader {
  return new Reader(SpanAttributes.from(attributes), memo);
}

class Reader implements AttributeReader {
  readonly memo: TextMemo;
  readonly #shape: KeyShape;
  readonly #values: readonly unknown[];
  /** Places whose values were given out. */
  readonly #taken: boolean[] = [];

  constructor({ shape, list }: SpanAttributes, memo: TextMemo) {
    this.memo = memo;
    this.#shape = shape;
    this.#values = list;
  }

  text(key: string): string | null {
    const place = this.#shape.places.get(key);
    if (place === undefined) return null;
    const value = this.#values[place];
    if (typeof value !== "string" || value === "") return null;
    this.#taken[place] = true;
    return value;
  }
  firstText(keys: readonly string[]): string | null {
    return this.#first(keys, textOf);
  }
  tokens(keys: readonly string[]): number | null {
    return this.#first(keys, tokensIn);
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
    const place = this.#shape.places.get(key);
    if (place === undefined) return null;
    const value = this.#values[place];
    if (value !== null) this.#taken[place] = true;
    return value;
  }

  there<Named extends { readonly key: string }>(list: readonly Named[]): readonly Named[] {
    return noted(this.#shape, list, ({ places }) => list.filter(({ key }) => places.has(key)));
  }

  among<Name extends string>(lists: KeyLists<Name>): KeyLists<Name> {
    return noted(this.#shape, lists, ({ places }) => {
      const found = Object.entries<readonly string[]>(lists).map(([name, keys]) => [
        name,
        keys.filter((key) => places.has(key)),
      ]);
      return Object.fromEntries(found) as KeyLists<Name>;
    });
  }

  take(places: readonly number[]): void {
    for (let at = 0; at < places.length; at += 1) {
      const place = places[at] as number;
      if (this.#values[place] !== null) this.#taken[place] = true;
    }
  }

  rest(): Record<string, unknown> {
    const rest = createMembers();
    const { keys } = this.#shape;
    for (let place = 0; place < keys.length; place += 1)
      if (this.#taken[place] !== true) rest[keys[place] as string] = this.#values[place];
    return rest;
  }

  #first<Value>(keys: readonly string[], accept: (value: unknown) => Value | null): Value | null {
    let first: Value | null = null;
    for (const key of keys) {
      const place = this.#shape.places.get(key);
      const accepted = place === undefined ? null : accept(this.#values[place]);
      if (place === undefined || accepted === null || (first !== null && accepted !== first)) continue;
      first = accepted;
      this.#taken[place] = true;
    }
    return first;
  }

  #take<Value>(key: string, accept: (value: unknown) => Value | null): Value | null {
    const place = this.#shape.places.get(key);
    if (place === undefined) return null;
    const accepted = accept(this.#values[place]);
    if (accepted !== null) this.#taken[place] = true;
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

function countOf(value: unknown): number | null {
  const count = typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : value;
  return typeof count === "number" && Number.isSafeInteger(count) && count >= 0 ? count : null;
}

/** A number of tokens, also when sent as text; null for anything else. */
export function tokensIn(value: unknown): number | null {
  return believableTokens(countOf(value));
}

function textsOf(value: unknown): string[] | null {
  if (typeof value === "string") return [value];
  return Array.isArray(value) && value.every((item) => typeof item === "string") ? value : null;
}
