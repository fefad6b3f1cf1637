/** Of two lists, who may be with whom, and how far they are from one another. */
export interface Pair<Left, Right> {
  left: Left;
  right: Right;
  distance: number;
}

/**
 * As many of these pairs as there can be, nobody in two of them: first the nearest, then whoever is left over finds a place when others move (augmenting
 * paths). The same for the same pairs in the same order.
 */
export function matched<Left, Right>(pairs: readonly Pair<Left, Right>[]): Map<Right, Left> {
  const ordered = pairs.toSorted((a, b) => a.distance - b.distance);
  const rightsOf = Map.groupBy(ordered, ({ left }) => left);
  const leftOf = new Map<Right, Left>();
  const placed = new Set<Left>();
  for (const { left, right } of ordered) {
    if (placed.has(left) || leftOf.has(right)) continue;
    leftOf.set(right, left);
    placed.add(left);
  }
  for (const left of rightsOf.keys()) if (!placed.has(left)) place(left, new Set());
  return leftOf;

  function place(left: Left, seen: Set<Right>): boolean {
    for (const { right } of rightsOf.get(left) ?? []) {
      if (seen.has(right)) continue;
      seen.add(right);
      const other = leftOf.get(right);
      if (other !== undefined && !place(other, seen)) continue;
      leftOf.set(right, left);
      return true;
    }
    return false;
  }
}
