import { OtlpError } from "../otlp/otlp.ts";

/** Bytes of requests that may be in memory at once, over all receivers. */
export interface ByteBudget {
  /** @throws OtlpError `overloaded` when that many are not left. */
  reserve(): Reservation;
  usedBytes(): number;
}

/** What one request takes. */
export interface Reservation {
  /** Grows or shrinks to `bytes`. @throws OtlpError `overloaded`, the reservation unchanged. */
  resize(bytes: number): void;
  release(): void;
}

export function createByteBudget(limitBytes: number): ByteBudget {
  let usedBytes = 0;
  return {
    usedBytes: () => usedBytes,
    reserve() {
      let held = 0;
      return {
        resize(bytes) {
          if (bytes > held && usedBytes + bytes - held > limitBytes) {
            throw new OtlpError(
              "overloaded",
              `${limitBytes} bytes of requests are being worked on already; retry later`,
            );
          }
          usedBytes += bytes - held;
          held = bytes;
        },
        release() {
          usedBytes -= held;
          held = 0;
        },
      };
    },
  };
}
