import { canonicalJson } from "@runledger/contract";
import type { Act, ActRecorder } from "./act-recorder.ts";

/** Who looks at the same content again within this has been recorded already: pages ask again and again. */
const SAME_READ_MS = 60_000;
const MAX_REMEMBERED = 10_000;

export interface ContentReads {
  /** Resolves when the read is on record, and the content may be shown. @throws QueryApiError `unavailable`. */
  record(read: Omit<Act, "action">): Promise<void>;
}

/** Records reads of content: one act for all equal ones (same key, tenant, reason and target) within a minute of the first. */
export function createContentReads(acts: ActRecorder, clock: () => number): ContentReads {
  const recent = new Map<string, { atMs: number; recorded: Promise<void> }>();
  return {
    async record({ principal, reason, target }) {
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
    },
  };
}
