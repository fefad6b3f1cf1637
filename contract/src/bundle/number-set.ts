/** A set of numbers from 0 on, in any order: a bit each where they are dense, some 50 bytes each where they are not. */
export interface NumberSet {
  add(value: number): void;
  has(value: number): boolean;
  readonly size: number;
  /** -1: none. */
  readonly max: number;
  /** The ranges [first, last] of 0 … `end` − 1 that are missing, the first `limit`. */
  missing(end: number, limit: number): [number, number][];
}

const PAGE = 32;

/** `add` and `has` take the same time whatever is in it; `missing` that of sorting its pages. */
export function createNumberSet(): NumberSet {
  /** A bit for each of 32 numbers. */
  const pages = new Map<number, number>();
  let size = 0;
  let max = -1;
  const maskOf = (value: number): number => pages.get(Math.floor(value / PAGE)) ?? 0;
  const has = (value: number): boolean => ((maskOf(value) >>> (value % PAGE)) & 1) === 1;
  return {
    add(value) {
      if (has(value)) return;
      pages.set(Math.floor(value / PAGE), maskOf(value) | (1 << (value % PAGE)));
      size++;
      if (value > max) max = value;
    },
    has,
    get size() {
      return size;
    },
    get max() {
      return max;
    },
    missing(end, limit) {
      const gaps: [number, number][] = [];
      let next = 0;
      const reach = (value: number): void => {
        if (value > next && gaps.length < limit) gaps.push([next, value - 1]);
        next = value + 1;
      };
      for (const page of [...pages.keys()].sort((a, b) => a - b)) {
        const mask = pages.get(page) ?? 0;
        for (let bit = 0; bit < PAGE; bit++) {
          const value = page * PAGE + bit;
          if (value >= end || gaps.length === limit) break;
          if ((mask >>> bit) & 1) reach(value);
        }
      }
      if (next < end) reach(end);
      return gaps;
    },
  };
}
