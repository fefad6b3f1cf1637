/**
 * The keys of attributes in their order, kept for all spans that have the same: where each stands, and what readers found to follow from the
 * keys alone.
 */
export interface KeyShape {
  readonly keys: readonly string[];
  readonly places: ReadonlyMap<string, number>;
  /** By the reader's name for it, or the list that it looked for. */
  readonly notes: Map<unknown, unknown>;
}

export function keyShapeOf(keys: readonly string[]): KeyShape {
  return { keys, places: new Map(keys.map((key, place) => [key, place])), notes: new Map() };
}

/** What `make` finds in the keys, found once. */
export function noted<Note>(shape: KeyShape, name: unknown, make: (shape: KeyShape) => Note): Note {
  let note = shape.notes.get(name) as Note | undefined;
  if (note === undefined) {
    note = make(shape);
    shape.notes.set(name, note);
  }
  return note;
}

/** A map whose keys it shares with others: to make one is to make the list of its values. */
export class SpanAttributes implements ReadonlyMap<string, unknown> {
  readonly shape: KeyShape;
  /** One a key of the shape, in their order. None is undefined. */
  readonly list: readonly unknown[];

  constructor(shape: KeyShape, list: readonly unknown[]) {
    this.shape = shape;
    this.list = list;
  }

  static from(map: ReadonlyMap<string, unknown>): SpanAttributes {
    return map instanceof SpanAttributes ? map : new SpanAttributes(keyShapeOf([...map.keys()]), [...map.values()]);
  }

  get size(): number {
    return this.list.length;
  }

  has(key: string): boolean {
    return this.shape.places.has(key);
  }

  get(key: string): unknown {
    const place = this.shape.places.get(key);
    return place === undefined ? undefined : this.list[place];
  }

  forEach(visit: (value: unknown, key: string, map: ReadonlyMap<string, unknown>) => void): void {
    for (const [place, key] of this.shape.keys.entries()) visit(this.list[place], key, this);
  }

  keys(): MapIterator<string> {
    return this.shape.keys.values();
  }

  values(): MapIterator<unknown> {
    return this.list.values();
  }

  entries(): MapIterator<[string, unknown]> {
    return this.shape.keys.map((key, place): [string, unknown] => [key, this.list[place]]).values();
  }

  [Symbol.iterator](): MapIterator<[string, unknown]> {
    return this.entries();
  }
}
