import { randomFillSync } from "node:crypto";
import type { RandomId } from "./record-span.ts";

/** A call to the system for each id would cost more than the rest of making a record. */
const POOL_BYTES = 4_096;

export function createRandomId(): RandomId {
  const pool = Buffer.alloc(POOL_BYTES);
  let used = POOL_BYTES;
  return (sizeBytes) => {
    if (used + sizeBytes > POOL_BYTES) {
      randomFillSync(pool);
      used = 0;
    }
    used += sizeBytes;
    return pool.toString("hex", used - sizeBytes, used);
  };
}
