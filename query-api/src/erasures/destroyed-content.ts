import type { Objects } from "@runledger/storage";
import type { GoneContents } from "../steps/gone-content.ts";
import { createErasureStore } from "./erasure-store.ts";
import { createExpiryStore } from "./expiry-store.ts";

const MONTH_DIGITS = 3;

/** Content is gone because somebody had it erased, because its time was over, or because its key is lost or not here (`sealed`). */
export function createGoneContents(objects: Objects): GoneContents {
  const erasures = createErasureStore(objects);
  const expiries = createExpiryStore(objects);
  return {
    of: async (keyId) => {
      const erasure = await erasures.ofKey(keyId);
      if (erasure !== null) {
        const { by, reason, requested_time: time, log_indexes } = erasure;
        return { content: "erased", erased: { by, reason, time, log_index: log_indexes[0] ?? null } };
      }
      const { months } = await expiries.read();
      const expired = months.find(({ month }) => month === keyId.slice(0, MONTH_DIGITS));
      return { content: expired === undefined ? "sealed" : "expired", erased: null };
    },
  };
}
