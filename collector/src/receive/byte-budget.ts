import { OtlpError } from "../otlp/otlp.ts";

/** Bytes of requests that may be in memory at once, over all receivers. */
export interface ByteBudget {
  /** For a request of that tenant, of which nothing has come yet. @throws OtlpError `overloaded`. */
  reserve(tenant: string): Reservation;
  usedBytes(): number;
}

/** What one request takes. */
export interface Reservation {
  /** Grows or shrinks to `bytes`. @throws OtlpError `overloaded`, the reservation unchanged. */
  resize(bytes: number): void;
  /** Does `work`, before whose end nothing is given back: a sender who goes away leaves its request in memory until then. */
  during<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Gives all back, when there is no work any more. Nothing is reserved after it. */
  release(): void;
}

/** What a request takes at least: its headers, its stream, what is kept of it. So it bounds how many there are, too. */
const REQUEST_BYTES = 16 * 1024;

/**
 * A tenant may hold as much as it leaves free: alone half, beside another that has its share a third. So there is room for
 * the first request of the next one, however many there are and whatever they send.
 */
export function createByteBudget(limitBytes: number): ByteBudget {
  let usedBytes = 0;
  const ofTenants = new Map<string, number>();

  const add = (tenant: string, bytes: number): void => {
    const own = (ofTenants.get(tenant) ?? 0) + bytes;
    if (bytes > 0 && own > limitBytes - usedBytes - bytes) {
      throw new OtlpError(
        "overloaded",
        `this tenant's share of the ${limitBytes} bytes for all requests is being worked on already; retry later`,
      );
    }
    usedBytes += bytes;
    if (own === 0) ofTenants.delete(tenant);
    else ofTenants.set(tenant, own);
  };

  return {
    usedBytes: () => usedBytes,
    reserve(tenant) {
      let held = 0;
      let working = false;
      let released = false;
      const holdExactly = (bytes: number): void => {
        add(tenant, bytes - held);
        held = bytes;
      };
      const giveBack = (): void => {
        if (released && !working) holdExactly(0);
      };
      holdExactly(REQUEST_BYTES);
      return {
        resize(bytes) {
          if (working || !released) holdExactly(Math.max(bytes, REQUEST_BYTES));
        },
        async during(work) {
          working = true;
          try {
            return await work();
          } finally {
            working = false;
            giveBack();
          }
        },
        release() {
          released = true;
          giveBack();
        },
      };
    },
  };
}
