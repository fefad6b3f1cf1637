import { createStateDocument, type Objects } from "@runledger/storage";
import { z } from "zod";

/** So long without a sign of its holder, and the next one takes it; a holder renews three times as often. */
const TTL_MS = 6_000;
const RENEW_MS = TTL_MS / 3;
const LOOK_MS = 500;

const leaseState = z.object({
  holder: z.string().nullable(),
  /** Goes up with each renewal: whoever watches sees that the holder lives, whatever the clocks say. */
  renewals: z.number().int(),
});
type LeaseState = z.infer<typeof leaseState>;

/**
 * One of several processes over the same store does what must be done once. By compare-and-set; no clocks are compared: a lease is
 * given up on when its document has not changed for TTL_MS of the watcher's own time. For work that a second hand only repeats:
 * a process that was frozen may go on for a moment before it notices.
 */
export interface Lease {
  /** Is it ours, for the next seconds? Takes or renews it when it can. @throws StorageError when nobody knows. */
  hold(): Promise<boolean>;
  /** Gives it back, so that the next one need not wait. */
  release(): Promise<void>;
}

/** @param holder names this process; a restart under the same name goes on at once. @param now milliseconds that never go back. */
export function createLease(
  objects: Objects,
  path: string,
  { holder, now }: { holder: string; now: () => number },
): Lease {
  const document = leaseDocument(objects, path);
  let renewedMs = Number.NEGATIVE_INFINITY;
  let renewing: Promise<boolean> | null = null;
  let seen: { renewals: number; atMs: number } | null = null;

  function isFree(state: LeaseState): boolean {
    if (state.holder === null || state.holder === holder) return true;
    if (seen === null || seen.renewals !== state.renewals) seen = { renewals: state.renewals, atMs: now() };
    return now() - seen.atMs >= TTL_MS;
  }
  async function renew(): Promise<boolean> {
    const startedMs = now();
    const state = await document.update((before) =>
      isFree(before) ? { holder, renewals: before.renewals + 1 } : before,
    );
    const isOurs = state.holder === holder;
    // Counted from before it was written: the others can't have seen it earlier.
    renewedMs = isOurs ? startedMs : Number.NEGATIVE_INFINITY;
    return isOurs;
  }
  return {
    async hold() {
      if (now() - renewedMs < RENEW_MS) return true;
      renewing ??= renew().finally(() => {
        renewing = null;
      });
      return await renewing;
    },
    async release() {
      if (renewedMs === Number.NEGATIVE_INFINITY) return;
      renewedMs = Number.NEGATIVE_INFINITY;
      await document.update((before) => (before.holder === holder ? { ...before, holder: null } : before));
    },
  };
}

/** Who renews a lease while it is watched, for as long as it lasts or, where it was given back, as the next one needs to take it. Null: nobody. */
export async function whoRenews(
  objects: Objects,
  path: string,
  sleep: (ms: number) => Promise<unknown>,
): Promise<string | null> {
  const document = leaseDocument(objects, path);
  const before = await document.read();
  let leftMs = before.holder === null ? RENEW_MS + LOOK_MS : TTL_MS;
  for (; leftMs > 0; leftMs -= LOOK_MS) {
    await sleep(LOOK_MS);
    const { holder, renewals } = await document.read();
    if (holder !== null && renewals !== before.renewals) return holder;
  }
  return null;
}

function leaseDocument(objects: Objects, path: string) {
  return createStateDocument<LeaseState>(objects, path, leaseState, { holder: null, renewals: 0 });
}
