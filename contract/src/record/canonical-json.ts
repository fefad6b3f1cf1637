/** A JSON value as RFC 8785 sees it: finite numbers, well-formed strings, no undefined. */
export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue };

/**
 * RFC 8785 (JCS) text of a value: keys sorted by UTF-16 code units, ECMAScript numbers, minimal escapes.
 * `undefined` members of an object are left out, as JSON.stringify does.
 * @throws TypeError for NaN, infinities, lone surrogates and values that are not JSON.
 */
export function canonicalJson(value: unknown): string {
  const state = { integerKeys: false };
  const ordered = order(value, state);
  const text = state.integerKeys ? writeMembers(ordered) : JSON.stringify(ordered);
  // JSON.stringify writes lone surrogates as \udXXX, and so may a text with a real backslash: then look at each string.
  if (text.includes("\\ud")) refuseLoneSurrogates(ordered);
  return text;
}

/** The value with sorted keys, itself where it has them already, so that most records are not copied at all. */
function order(value: unknown, state: { integerKeys: boolean }): unknown {
  if (typeof value === "string" || typeof value === "boolean" || value === null) return value;
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw new TypeError(`canonical JSON has no ${value}`);
    return value;
  }
  if (Array.isArray(value)) return orderItems(value, state);
  if (typeof value === "object") return orderMembers(value as Record<string, unknown>, state);
  throw new TypeError(`canonical JSON has no ${typeof value}`);
}

function orderItems(items: readonly unknown[], state: { integerKeys: boolean }): readonly unknown[] {
  let copy: unknown[] | null = null;
  for (let i = 0; i < items.length; i++) {
    const ordered = order(items[i], state);
    if (ordered !== items[i]) copy ??= items.slice();
    if (copy !== null) copy[i] = ordered;
  }
  return copy ?? items;
}

function orderMembers(object: Record<string, unknown>, state: { integerKeys: boolean }): Record<string, unknown> {
  const keys = Object.keys(object);
  let copy: Record<string, unknown> | null = null;
  if (!isSorted(keys)) {
    keys.sort();
    copy = Object.create(null) as Record<string, unknown>;
  }
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as string;
    if (isDigit(key.charCodeAt(0))) state.integerKeys = true;
    const member = object[key];
    if (member === undefined) continue;
    const ordered = order(member, state);
    if (ordered !== member) copy ??= copyOf(object, keys, i);
    if (copy !== null) copy[key] = ordered;
  }
  return copy ?? object;
}

function isSorted(keys: readonly string[]): boolean {
  for (let i = 1; i < keys.length; i++) if ((keys[i - 1] as string) > (keys[i] as string)) return false;
  return true;
}

/** The members of the first `count` keys. */
function copyOf(object: Record<string, unknown>, keys: readonly string[], count: number): Record<string, unknown> {
  const copy: Record<string, unknown> = Object.create(null);
  for (let i = 0; i < count; i++) copy[keys[i] as string] = object[keys[i] as string];
  return copy;
}

function isDigit(charCode: number): boolean {
  return charCode >= 48 && charCode <= 57;
}

/** The slow way, for objects with keys that JavaScript would put first because they look like array indexes. */
function writeMembers(value: unknown): string {
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(writeMembers).join(",")}]`;
  const members = Object.keys(value)
    .sort()
    .filter((key) => (value as Record<string, unknown>)[key] !== undefined)
    .map((key) => `${JSON.stringify(key)}:${writeMembers((value as Record<string, unknown>)[key])}`);
  return `{${members.join(",")}}`;
}

function refuseLoneSurrogates(value: unknown): void {
  if (typeof value === "string") {
    if (!value.isWellFormed()) throw new TypeError("canonical JSON has no lone surrogates");
  } else if (Array.isArray(value)) {
    for (const item of value) refuseLoneSurrogates(item);
  } else if (typeof value === "object" && value !== null) {
    for (const [key, member] of Object.entries(value)) {
      refuseLoneSurrogates(key);
      refuseLoneSurrogates(member);
    }
  }
}
