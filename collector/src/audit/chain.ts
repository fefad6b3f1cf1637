/** A place in a chain of differences. A reader follows the bases, so the way to the chain's first node, kept whole, is kept short. */
export interface Chained<Value> {
  value: Value;
  index: number;
  /** The last whose index is a multiple of STRIDE, and of STRIDE², up to this one itself; null where a chain went on from another kind of node. */
  anchors: [Chained<Value> | null, Chained<Value> | null];
}

const STRIDE = 128;

/**
 * What the next node is a difference to: mostly the last one; each 128th goes back to the 128th before, each 16,384th to the 16,384th before. So the n-th
 * is read over at most 254 bases and one more for each 16,384, and what is new in a step is written three times at most. Null: begin anew.
 */
export function baseAfter<Value>(last: Chained<Value>): Chained<Value> | null {
  const index = last.index + 1;
  if (index % STRIDE ** 2 === 0) return last.anchors[1];
  return index % STRIDE === 0 ? last.anchors[0] : last;
}

/** The node after `last`, or the first of a chain. */
export function chained<Value>(value: Value, last: Chained<Value> | null): Chained<Value> {
  const node: Chained<Value> = { value, index: last === null ? 0 : last.index + 1, anchors: [null, null] };
  node.anchors = [
    node.index % STRIDE === 0 ? node : (last?.anchors[0] ?? null),
    node.index % STRIDE ** 2 === 0 ? node : (last?.anchors[1] ?? null),
  ];
  return node;
}

/** A node that goes on from one of another chain: as far from its beginning, without its anchors. */
export function chainedAt<Value>(value: Value, index: number): Chained<Value> {
  return { value, index, anchors: [null, null] };
}
