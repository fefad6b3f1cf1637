import { type KeyShape, keyShapeOf, noted, SpanAttributes } from "./span-attributes.ts";
import type { AttributeReader } from "./span-view.ts";

/** What stands behind a flattened key's index, and its value. */
export type FlatEntries = ReadonlyMap<string, unknown>;

/**
 * Lists that were flattened into keys `<prefix><index>.<path>`, by their prefix: one entry an index that exists, in their order.
 * The keys are taken. No prefix begins with another. Keys of such a prefix without an index are left.
 */
export function takeFlatLists<const Prefix extends string>(
  given: ReadonlyMap<string, unknown>,
  attributes: AttributeReader,
  prefixes: readonly Prefix[],
): Readonly<Record<Prefix, FlatEntries[]>> {
  const all = SpanAttributes.from(given);
  const plans = noted(all.shape, `lists ${prefixes.join(" ")}`, (shape) => plansOf(shape, prefixes));
  const lists = {} as Record<Prefix, FlatEntries[]>;
  for (const prefix of prefixes) {
    const plan = plans[prefix] as ListPlan;
    for (const key of plan.keys) attributes.value(key);
    lists[prefix] = entriesBy(plan, all);
  }
  return lists;
}

/** The same for a list within an entry. */
export function flatList(entries: FlatEntries, prefix: string): FlatEntries[] {
  const all = SpanAttributes.from(entries);
  return entriesBy(
    noted(all.shape, `list ${prefix}`, (shape) => plansOf(shape, [prefix])[prefix] as ListPlan),
    all,
  );
}

/** Which of a shape's keys make up a list: it follows from the keys alone. */
interface ListPlan {
  keys: readonly string[];
  /** One an index, in their order: the paths behind it, and where their values are. */
  items: readonly { shape: KeyShape; from: readonly number[] }[];
}

function entriesBy({ items }: ListPlan, { list }: SpanAttributes): FlatEntries[] {
  return items.map(
    ({ shape, from }) =>
      new SpanAttributes(
        shape,
        from.map((place) => list[place]),
      ),
  );
}

/** One pass over the keys. */
function plansOf(shape: KeyShape, prefixes: readonly string[]): Record<string, ListPlan> {
  const lists = new Map(prefixes.map((prefix) => [prefix, new Map<number, Map<string, number>>()]));
  const taken = new Map<string, string[]>(prefixes.map((prefix) => [prefix, []]));
  let prefix: string | undefined;
  for (const [place, key] of shape.keys.entries()) {
    // in the order of keys those of one list follow each other
    if (prefix === undefined || !key.startsWith(prefix)) prefix = prefixes.find((other) => key.startsWith(other));
    const list = prefix === undefined ? undefined : lists.get(prefix);
    if (prefix === undefined || list === undefined) continue;
    if (addTo(list, key, prefix.length, place)) taken.get(prefix)?.push(key);
  }
  return Object.fromEntries(
    prefixes.map((name) => [name, { keys: taken.get(name) ?? [], items: inOrder(lists.get(name)) }]),
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
