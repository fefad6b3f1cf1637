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
  return new Numbers();
}

/** A class, as there is one for each of a million runs: closures take 1 KB each. */
class Numbers implements NumberSet {
  size = 0;
  max = -1;
  /** A bit for each number below 32: few runs have more. */
  #first = 0;
  /** The same of each 32 others. */
  #pages: Map<number, number> | null = null;

  add(value: number): void {
    if (this.has(value)) return;
    const page = Math.floor(value / PAGE);
    const mask = this.#maskOf(page) | (1 << (value % PAGE));
    if (page === 0) this.#first = mask;
    else {
      this.#pages ??= new Map();
      this.#pages.set(page, mask);
    }
    this.size++;
    if (value > this.max) this.max = value;
  }

  has(value: number): boolean {
    return ((this.#maskOf(Math.floor(value / PAGE)) >>> (value % PAGE)) & 1) === 1;
  }

  missing(end: number, limit: number): [number, number][] {
    const gaps: [number, number][] = [];
    let next = 0;
    const reach = (value: number): void => {
      if (value > next && gaps.length < limit) gaps.push([next, value - 1]);
      next = value + 1;
    };
    for (const page of [0, ...[...(this.#pages?.keys() ?? [])].sort((a, b) => a - b)]) {
      const mask = this.#maskOf(page);
      for (let bit = 0; bit < PAGE; bit++) {
        const value = page * PAGE + bit;
        if (value >= end || gaps.length === limit) break;
        if ((mask >>> bit) & 1) reach(value);
      }
    }
    if (next < end) reach(end);
    return gaps;
  }

  #maskOf(page: number): number {
    return page === 0 ? this.#first : (this.#pages?.get(page) ?? 0);
  }
}
