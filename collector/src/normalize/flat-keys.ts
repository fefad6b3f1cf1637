import { type KeyShape, keyShapeOf, noted, SpanAttributes } from "./span-attributes.ts";
import type { AttributeReader } from "./span-view.ts";

/** What stands behind a flattened key's index, and its value. */
export type FlatEntries = SpanAttributes;

/**
 * Lists that were flattened into keys `<prefix><index>.<path>`, by their prefix: one entry an index that exists, in their order.
 * The keys are taken. `prefixes` is a constant of its caller; none begins with another. Keys of such a prefix without an index are left.
 */
export function takeFlatLists<const Prefix extends string>(
  given: ReadonlyMap<string, unknown>,
  attributes: AttributeReader,
  prefixes: readonly Prefix[],
): Readonly<Record<Prefix, FlatEntries[]>> {
  const all = SpanAttributes.from(given);
  const plans = noted(all.shape, prefixes, (shape) => plansOf(shape, prefixes));
  const lists = {} as Record<Prefix, FlatEntries[]>;
  for (const prefix of prefixes) {
    const plan = plans[prefix] as ListPlan;
    attributes.take(plan.places);
    lists[prefix] = plan.items.length === 0 ? NO_ENTRIES : entriesBy(plan, all);
  }
  return lists;
}

const NO_ENTRIES: FlatEntries[] = [];

/** The same for a list within an entry. */
export function flatList(entries: FlatEntries, prefix: string): FlatEntries[] {
  const plan = noted(entries.shape, prefix, (shape) => plansOf(shape, [prefix])[prefix] as ListPlan);
  return plan.items.length === 0 ? NO_ENTRIES : entriesBy(plan, entries);
}

/** Which of a shape's keys make up a list: it follows from the keys alone. */
interface ListPlan {
  /** Of its keys. */
  places: readonly number[];
  /** One an index, in their order: the paths behind it, and where their values are. */
  items: readonly { shape: KeyShape; from: readonly number[] }[];
}

function entriesBy({ items }: ListPlan, { list }: SpanAttributes): FlatEntries[] {
  return items.map(({ shape, from }) => {
    const values: unknown[] = [];
    for (let at = 0; at < from.length; at += 1) values.push(list[from[at] as number]);
    return new SpanAttributes(shape, values);
  });
}

/** One pass over the keys. */
function plansOf(shape: KeyShape, prefixes: readonly string[]): Record<string, ListPlan> {
  const lists = new Map(prefixes.map((prefix) => [prefix, new Map<number, Map<string, number>>()]));
  const taken = new Map<string, number[]>(prefixes.map((prefix) => [prefix, []]));
  let prefix: string | undefined;
  for (const [place, key] of shape.keys.entries()) {
    // in the order of keys those of one list follow each other
    if (prefix === undefined || !key.startsWith(prefix)) prefix = prefixes.find((other) => key.startsWith(other));
    const list = prefix === undefined ? undefined : lists.get(prefix);
    if (prefix === undefined || list === undefined) continue;
    if (addTo(list, key, prefix.length, place)) taken.get(prefix)?.push(place);
  }
  return Object.fromEntries(
    prefixes.map((name) => [name, { places: taken.get(name) ?? [], items: inOrder(lists.get(name)) }]),
  );
}

/** A larger index is nobody's list. */
const MAX_INDEX_DIGITS = 9;
const ZERO = "0".charCodeAt(0);

function addTo(list: Map<number, Map<string, number>>, key: string, from: number, place: number): boolean {
  let index = 0;
  let dot = from;
  for (; dot < key.length && key[dot] !== "."; dot += 1) {
    const digit = key.charCodeAt(dot) - ZERO;
    if (digit < 0 || digit > 9 || dot - from >= MAX_INDEX_DIGITS) return false;
    index = index * 10 + digit;
  }
  if (dot === from) return false;
  const entries = list.get(index) ?? new Map<string, number>();
  if (entries.size === 0) list.set(index, entries);
  entries.set(key.slice(dot + 1), place);
  return true;
}

function inOrder(list: ReadonlyMap<number, ReadonlyMap<string, number>> | undefined): ListPlan["items"] {
  return [...(list ?? [])]
    .sort(([a], [b]) => a - b)
    .map(([, entries]) => ({ shape: keyShapeOf([...entries.keys()]), from: [...entries.values()] }));
}
