import fc from "fast-check";
import { type Corpus, parsed } from "./corpus.ts";
import { almostContent, HOSTILE_INDEXES, hostileField, hostileText, hostileValue } from "./hostile.ts";

/** One change of a request. `at` chooses where, so that any mutation fits any request, and a failing list of them can be shortened. */
export type Mutation =
  | TreeMutation
  | { kind: "attribute"; at: number; key: string; value: unknown }
  | { kind: "attribute value"; at: number; value: unknown }
  | { kind: "attribute key"; at: number; key: string }
  | { kind: "index"; at: number; index: string }
  | { kind: "text"; at: number; cut: number; put: string }
  | { kind: "within"; at: number; change: TreeMutation };

type TreeMutation =
  | { kind: "field"; at: number; value: unknown }
  | { kind: "remove"; at: number }
  | { kind: "repeat"; at: number; times: number }
  | { kind: "rename"; at: number; name: string };

export type ByteMutation = { kind: "flip" | "cut" | "drop" | "copy" | "set"; at: number; length: number; byte: number };

/** Changes of OTLP/JSON as a tree. */
export function mutationOf({ keys, words }: Pick<Corpus, "keys" | "words">): fc.Arbitrary<Mutation> {
  const at = fc.nat(1_000_000);
  const key = fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...keys) }, { weight: 1, arbitrary: hostileText });
  const of = <Kind extends Mutation["kind"]>(kind: Kind) => fc.constant(kind);
  const name = fc.oneof(fc.constantFrom(...words), hostileText);
  const content = almostContent(words).map((stringValue) => ({ stringValue }));
  const inTree: fc.Arbitrary<TreeMutation> = fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: of("field"), at, value: hostileField }) },
    { weight: 1, arbitrary: fc.record({ kind: of("remove"), at }) },
    { weight: 1, arbitrary: fc.record({ kind: of("repeat"), at, times: fc.nat(4) }) },
    { weight: 1, arbitrary: fc.record({ kind: of("rename"), at, name }) },
  );
  return fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: of("attribute"), at, key, value: hostileValue }) },
    { weight: 4, arbitrary: fc.record({ kind: of("attribute"), at, key, value: content }) },
    { weight: 6, arbitrary: fc.record({ kind: of("within"), at, change: inTree }) },
    { weight: 4, arbitrary: fc.record({ kind: of("attribute value"), at, value: hostileValue }) },
    { weight: 2, arbitrary: fc.record({ kind: of("attribute key"), at, key }) },
    { weight: 2, arbitrary: fc.record({ kind: of("index"), at, index: fc.constantFrom(...HOSTILE_INDEXES) }) },
    { weight: 3, arbitrary: fc.record({ kind: of("text"), at, cut: at, put: hostileText }) },
    { weight: 4, arbitrary: inTree },
  );
}

export const byteMutation: fc.Arbitrary<ByteMutation> = fc.record({
  kind: fc.constantFrom("flip", "cut", "drop", "copy", "set"),
  at: fc.nat(1_000_000),
  length: fc.nat(40),
  byte: fc.oneof(fc.nat(255), fc.constantFrom(0, 0x7f, 0x80, 0xff)),
});

type Tree = Record<string, unknown>;
interface Place {
  parent: Tree | unknown[];
  key: string | number;
}

/** A request with all mutations, from its JSON text. */
export function mutated(request: string, mutations: readonly Mutation[]): object {
  const root: Tree = { request: JSON.parse(request) };
  for (const mutation of mutations) apply(root, mutation);
  const result = root["request"]; // which may be changed itself
  return typeof result === "object" && result !== null ? result : {};
}

function apply(root: Tree, drawn: Mutation): void {
  // What several draw is one value: put in as it is, later changes would change it for all, or put it into itself.
  const mutation = structuredClone(drawn);
  const places = placesIn(root);
  const chosen = (some: readonly Place[]) => (some.length === 0 ? undefined : some[mutation.at % some.length]);
  switch (mutation.kind) {
    case "field":
      set(chosen(places), () => mutation.value);
      break;
    case "remove":
      remove(chosen(places));
      break;
    case "repeat":
      repeat(chosen(places.filter(({ parent }) => Array.isArray(parent))), mutation.times);
      break;
    case "rename":
      rename(chosen(places.filter(({ parent }) => !Array.isArray(parent))), mutation.name);
      break;
    case "attribute":
      set(chosen(places.filter(isAttributeList)), (list) =>
        Array.isArray(list) ? [...list, { key: mutation.key, value: mutation.value }] : list,
      );
      break;
    case "attribute value":
      set(chosen(places.filter(isAttribute)), (pair) => ({ ...(pair as Tree), value: mutation.value }));
      break;
    case "attribute key":
      set(chosen(places.filter(isAttribute)), (pair) => ({ ...(pair as Tree), key: mutation.key }));
      break;
    case "index":
      set(chosen(places.filter((place) => INDEX.test(keyText(place)))), (pair) => ({
        ...(pair as Tree),
        key: keyText({ parent: [pair], key: 0 }).replace(INDEX, `.${mutation.index}.`),
      }));
      break;
    case "within":
      set(chosen(places.filter((place) => BEGINS_AS_JSON.test(textAt(place)))), (text) => {
        if (/[[{]{99}/.test(String(text))) return text; // nested deeper than we can write again
        const inner: Tree = { inner: parsed(String(text)) };
        apply(inner, mutation.change);
        return JSON.stringify(inner["inner"]) ?? "";
      });
      break;
    case "text":
      set(chosen(places.filter((place) => typeof valueAt(place) === "string")), (text) => {
        const from = mutation.cut % (String(text).length + 1);
        return String(text).slice(0, from) + mutation.put + String(text).slice(from + mutation.put.length);
      });
  }
}

const BEGINS_AS_JSON = /^\s*[[{]["[{]/;
const INDEX = /\.\d+\./;

function placesIn(root: Tree): Place[] {
  const places: Place[] = [];
  const open: (Tree | unknown[])[] = [root];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    for (const key of Object.keys(node)) {
      const place = { parent: node, key: Array.isArray(node) ? Number(key) : key };
      places.push(place);
      const value = valueAt(place);
      if (typeof value === "object" && value !== null) open.push(value as Tree | unknown[]);
    }
  }
  return places;
}

function valueAt({ parent, key }: Place): unknown {
  return (parent as Tree)[key];
}

function set(place: Place | undefined, value: (old: unknown) => unknown): void {
  if (place !== undefined) define(place.parent as Tree, place.key, value(valueAt(place)));
}

/** As JSON.parse does it: `__proto__` becomes a member like any other. */
function define(parent: Tree, key: string | number, value: unknown): void {
  Object.defineProperty(parent, key, { value, enumerable: true, configurable: true, writable: true });
}

function remove(place: Place | undefined): void {
  if (place === undefined) return;
  if (Array.isArray(place.parent)) place.parent.splice(Number(place.key), 1);
  else delete place.parent[place.key];
}

function repeat(place: Place | undefined, times: number): void {
  if (place === undefined || !Array.isArray(place.parent)) return;
  const copies = Array.from({ length: times }, () => structuredClone(valueAt(place)));
  place.parent.splice(Number(place.key), 0, ...copies);
}

function rename(place: Place | undefined, name: string): void {
  if (place === undefined || Array.isArray(place.parent)) return;
  const value = valueAt(place);
  delete place.parent[place.key];
  define(place.parent, name, value);
}

function textAt(place: Place): string {
  const value = valueAt(place);
  return typeof value === "string" ? value : "";
}

function isAttributeList(place: Place): boolean {
  return place.key === "attributes";
}

function isAttribute(place: Place): boolean {
  return keyText(place) !== "";
}

function keyText(place: Place): string {
  const value = valueAt(place);
  return typeof value === "object" && value !== null && "key" in value && typeof value.key === "string"
    ? value.key
    : "";
}

/** A mutated copy of bytes. */
export function mutatedBytes(bytes: Buffer, mutations: readonly ByteMutation[]): Buffer {
  let result = Buffer.from(bytes);
  for (const { kind, at, length, byte } of mutations) {
    const from = result.length === 0 ? 0 : at % result.length;
    const to = Math.min(result.length, from + length);
    if (kind === "flip" && result.length > 0) result[from] = (result[from] ?? 0) ^ (1 << (byte & 7));
    else if (kind === "set") result.fill(byte, from, to);
    else if (kind === "cut") result = result.subarray(0, from);
    else if (kind === "drop") result = Buffer.concat([result.subarray(0, from), result.subarray(to)]);
    else if (kind === "copy") result = Buffer.concat([result.subarray(0, to), result.subarray(from)]);
  }
  return result;
}
