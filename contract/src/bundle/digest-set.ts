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
  let slots = new BigUint64Array(1 << 12);
  let indexes = new Uint32Array(slots.length);
  let size = 0;
  const digestOf = createSecretDigest(secret, 16);
  const digest = (text: string): bigint => {
    const hash = BigInt(`0x${digestOf(text)}`);
    return hash === 0n ? 1n : hash; // 0 is an empty slot
  };
  const slotOf = (table: BigUint64Array, value: bigint): number => {
    let at = Number(value % BigInt(table.length));
    while (table[at] !== 0n && table[at] !== value) at = (at + 1) % table.length;
    return at;
  };
  const grow = (): void => {
    const larger = new BigUint64Array(slots.length * 2);
    const largerIndexes = new Uint32Array(larger.length);
    for (const [from, value] of slots.entries()) {
      if (value === 0n) continue;
      const to = slotOf(larger, value);
      larger[to] = value;
      largerIndexes[to] = indexes[from] as number;
    }
    slots = larger;
    indexes = largerIndexes;
  };
  return {
    add(text) {
      const value = digest(text);
      const at = slotOf(slots, value);
      if (slots[at] === value) return false;
      slots[at] = value;
      indexes[at] = size++;
      if (size * 4 > slots.length * 3) grow();
      return true;
    },
    has: (text) => slots[slotOf(slots, digest(text))] !== 0n,
    indexOf(text) {
      const at = slotOf(slots, digest(text));
      return slots[at] === 0n ? -1 : (indexes[at] as number);
    },
    get size() {
      return size;
    },
  };
}
