import { createSecretDigest } from "../bundle/secret-digest.ts";

/** Ids of records, by number, that wait for their neighbour: some 40 bytes each, of all runs together a limited number. */
export interface WaitingIds {
  /** False when there is no room: it is forgotten. */
  keep(number: number, id: Digest): boolean;
  /** It waits no longer; undefined: it never did. */
  take(number: number): Digest | undefined;
  readonly size: number;
  /** Lets go of all. */
  clear(): void;
}

/** Of an id: nobody can make two ids of one digest who does not know the secret. */
export type Digest = number;

export interface WaitingRoom {
  digest(id: string): Digest;
  open(): WaitingIds;
}

const DIGEST_DIGITS = 12;

/** @param secret random bytes, 16 at least. */
export function createWaitingRoom(secret: Uint8Array, maxWaiting: number): WaitingRoom {
  const digestOf = createSecretDigest(secret, DIGEST_DIGITS);
  let left = maxWaiting;
  return {
    digest: (id) => Number.parseInt(digestOf(id), 16),
    open: () => {
      const ids = new Map<number, Digest>();
      return {
        keep: (number, id) => {
          if (left === 0) return false;
          left--;
          ids.set(number, id);
          return true;
        },
        take: (number) => {
          const id = ids.get(number);
          if (ids.delete(number)) left++;
          return id;
        },
        get size() {
          return ids.size;
        },
        clear: () => {
          left += ids.size;
          ids.clear();
        },
      };
    },
  };
}
