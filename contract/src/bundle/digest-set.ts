import { createSecretDigest } from "./secret-digest.ts";

/** Remembers which of many texts were there, in 12 to 24 bytes each. */
export interface DigestSet {
  /** False when it was there before. */
  add(text: string): boolean;
  has(text: string): boolean;
  /** The how manyth it was of those added, from 0; -1: it was not. */
  indexOf(text: string): number;
  readonly size: number;
}

/**
 * Keeps 64 bits of a hash with a secret of its own, so that nobody can make two texts that it takes for one; by chance it happens once in 2^64 / size.
 * @param secret random bytes, 16 at least.
 */
export function createDigestSet(secret: Uint8Array): DigestSet {
  // Two halves each: numbers are much faster than a bigint.
  let slots = new Uint32Array(1 << 13);
  let indexes = new Uint32Array(1 << 12);
  let size = 0;
  const digest = createSecretDigest(secret, 16);
  /** Where its halves are, or would be. */
  const slotOf = (table: Uint32Array, high: number, low: number): number => {
    const mask = table.length / 2 - 1;
    for (let at = low & mask; ; at = (at + 1) & mask) {
      const there = table[2 * at + 1];
      if (there === 0 || (there === low && table[2 * at] === high)) return at;
    }
  };
  const find = (text: string): { at: number; high: number; low: number; isThere: boolean } => {
    const hex = digest(text);
    const high = Number.parseInt(hex.slice(0, 8), 16);
    const low = Number.parseInt(hex.slice(8), 16) || 1; // 0 is an empty slot
    const at = slotOf(slots, high, low);
    return { at, high, low, isThere: slots[2 * at + 1] !== 0 };
  };
  const grow = (): void => {
    const larger = new Uint32Array(slots.length * 2);
    const largerIndexes = new Uint32Array(indexes.length * 2);
    for (const [from, index] of indexes.entries()) {
      const [high = 0, low = 0] = [slots[2 * from], slots[2 * from + 1]];
      if (low === 0) continue;
      const to = slotOf(larger, high, low);
      larger[2 * to] = high;
      larger[2 * to + 1] = low;
      largerIndexes[to] = index;
    }
    slots = larger;
    indexes = largerIndexes;
  };
  return {
    add(text) {
      const { at, high, low, isThere } = find(text);
      if (isThere) return false;
      slots[2 * at] = high;
      slots[2 * at + 1] = low;
      indexes[at] = size++;
      if (size * 4 > indexes.length * 3) grow();
      return true;
    },
    has: (text) => find(text).isThere,
    indexOf(text) {
      const { at, isThere } = find(text);
      return isThere ? (indexes[at] as number) : -1;
    },
    get size() {
      return size;
    },
  };
}
