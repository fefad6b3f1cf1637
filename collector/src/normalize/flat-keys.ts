import type { AttributeReader } from "./span-view.ts";

/** What stands behind a flattened key's index, and its value. */
export type FlatEntries = ReadonlyMap<string, unknown>;

/**
 * Lists that were flattened into keys `<prefix><index>.<path>`, by their prefix: one entry an index that exists, in their order.
 * One pass over the attributes; the keys are taken. No prefix begins with another. Keys of such a prefix without an index are left.
 */
export function takeFlatLists<const Prefix extends string>(
  given: ReadonlyMap<string, unknown>,
  attributes: AttributeReader,
  prefixes: readonly Prefix[],
): Readonly<Record<Prefix, FlatEntries[]>> {
  const lists = Object.fromEntries(prefixes.map((prefix) => [prefix, new Map<number, Map<string, unknown>>()]));
  let prefix: Prefix | undefined;
  for (const [key, value] of given) {
    // in the order of keys those of one list follow each other
    if (prefix === undefined || !key.startsWith(prefix)) prefix = prefixes.find((other) => key.startsWith(other));
    const list = prefix === undefined ? undefined : lists[prefix];
    if (prefix === undefined || list === undefined) continue;
    if (addTo(list, key, prefix.length, value)) attributes.value(key);
  }
  return Object.fromEntries(prefixes.map((prefix) => [prefix, inOrder(lists[prefix])])) as Record<
    Prefix,
    FlatEntries[]
  >;
}

/** The same for a list within an entry. */
export function flatList(entries: FlatEntries, prefix: string): FlatEntries[] {
  const list = new Map<number, Map<string, unknown>>();
  for (const [key, value] of entries) if (key.startsWith(prefix)) addTo(list, key, prefix.length, value);
  return inOrder(list);
}

/** A larger index is nobody's list. */
const MAX_INDEX_DIGITS = 9;
const ZERO = "0".charCodeAt(0);

function addTo(list: Map<number, Map<string, unknown>>, key: string, from: number, value: unknown): boolean {
  let index = 0;
  let dot = from;
  for (; dot < key.length && key[dot] !== "."; dot += 1) {
    const digit = key.charCodeAt(dot) - ZERO;
    if (digit < 0 || digit > 9 || dot - from >= MAX_INDEX_DIGITS) return false;
    index = index * 10 + digit;
  }
  if (dot === from) return false;
  const entries = list.get(index) ?? new Map<string, unknown>();
  if (entries.size === 0) list.set(index, entries);
  entries.set(key.slice(dot + 1), value);
  return true;
}

function inOrder(list: ReadonlyMap<number, FlatEntries> | undefined): FlatEntries[] {
  return [...(list ?? [])].sort(([a], [b]) => a - b).map(([, entries]) => entries);
}
