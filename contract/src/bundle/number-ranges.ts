/** A set of numbers, kept as ranges: small where numbers come almost in order. */
export interface NumberRanges {
  add(value: number): void;
  has(value: number): boolean;
  readonly max: number;
  /** The ranges [first, last] of 0 … `end` − 1 that are missing, the first `limit`. */
  missing(end: number, limit: number): [number, number][];
}

export function createNumberRanges(): NumberRanges {
  /** Apart from each other, ascending. */
  const ranges: [number, number][] = [];
  return {
    add(value) {
      let at = ranges.length;
      while (at > 0 && (ranges[at - 1] as [number, number])[0] > value) at--;
      const before = ranges[at - 1];
      const after = ranges[at];
      if (before !== undefined && value <= before[1]) return;
      const joinsBefore = before !== undefined && before[1] + 1 === value;
      const joinsAfter = after !== undefined && after[0] - 1 === value;
      if (joinsBefore && joinsAfter) {
        before[1] = after[1];
        ranges.splice(at, 1);
      } else if (joinsBefore) before[1] = value;
      else if (joinsAfter) after[0] = value;
      else ranges.splice(at, 0, [value, value]);
    },
    has(value) {
      for (let at = ranges.length - 1; at >= 0; at--) {
        const [first, last] = ranges[at] as [number, number];
        if (value > last) return false;
        if (value >= first) return true;
      }
      return false;
    },
    get max() {
      return ranges.at(-1)?.[1] ?? -1;
    },
    missing(end, limit) {
      const gaps: [number, number][] = [];
      let next = 0;
      for (const [first, last] of [...ranges, [end, end] as const]) {
        if (gaps.length === limit || next >= end) break;
        if (first > next) gaps.push([next, Math.min(first, end) - 1]);
        next = last + 1;
      }
      return gaps;
    },
  };
}
