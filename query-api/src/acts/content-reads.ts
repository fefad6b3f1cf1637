import { setTimeout } from "node:timers/promises";
import { canonicalJson } from "@runledger/contract";
import { QueryApiError } from "../error.ts";
import type { Act, ActRecorder } from "./act-recorder.ts";

/** Who looks at the same content again within this has been recorded already: pages ask again and again. */
const SAME_READ_MS = 60_000;
const MAX_REMEMBERED = 10_000;
/** How long facts wait for the record of what they quote. */
const MAX_WAIT_MS = 2_000;

export interface ContentReads {
  /** Resolves when the read is on record, and the content may be shown. @throws QueryApiError `unavailable`. */
  record(read: Omit<Act, "action">): Promise<void>;
  /**
   * Whether it could be recorded, and soon. If not, the facts around the content are shown without it: they are what somebody needs who
   * looks for the reason. A record that comes later holds for the same read again.
   */
  recordSoon(read: Omit<Act, "action">): Promise<boolean>;
}

/** Records reads of content: one act for all equal ones (same key, tenant, reason and target) within a minute of the first. */
export function createContentReads(acts: ActRecorder, clock: () => number): ContentReads {
  const recent = new Map<string, { atMs: number; recorded: Promise<void> }>();

  async function record({ principal, reason, target }: Omit<Act, "action">): Promise<void> {
    const { keyId, name, tenant } = principal;
    const read = canonicalJson([keyId, name, tenant, reason, target]);
    const before = recent.get(read);
    if (before && clock() - before.atMs < SAME_READ_MS) return await before.recorded;
    const recorded = acts.record({ action: "content.read", principal, reason, target });
    recent.delete(read); // to the end, so that the oldest is first
    recent.set(read, { atMs: clock(), recorded });
    const oldest = recent.keys().next().value;
    if (recent.size > MAX_REMEMBERED && oldest !== undefined) recent.delete(oldest);
    try {
      await recorded;
    } catch (error) {
      recent.delete(read);
      throw error;
    }
  }

  return {
    record,
    async recordSoon(read) {
      try {
        const recorded = record(read).then(() => true);
        return await Promise.race([recorded, setTimeout(MAX_WAIT_MS, false, { ref: false })]);
      } catch (error) {
        if (error instanceof QueryApiError && error.code === "unavailable") return false;
        throw error;
      }
    },
  };
}
