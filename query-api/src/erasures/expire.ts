import type { ExpiryTarget } from "@runledger/contract";
import { type Keyring, monthEndMs } from "@runledger/storage";
import type { ActRecorder } from "../acts/act-recorder.ts";
import { claimDestruction, releaseDestruction } from "../holds/destruction-claim.ts";
import type { HoldStore } from "../holds/hold-store.ts";
import type { ExpiryStore } from "./expiry-store.ts";

export interface ExpireDependencies {
  keyring: Keyring;
  acts: ActRecorder;
  clock: () => number;
  expiries: ExpiryStore;
  holds: HoldStore;
}

const DAY_MS = 86_400_000;
/** Nobody makes keys of a month any more that is over for so long: no journal holds requests so old. */
const SETTLED_MS = 60 * DAY_MS;

/**
 * Destroys the data keys of months that are over for `retentionDays`: the act first, then the keys. While any hold is in force nothing expires, since
 * which old runs it means can't always be told any more. Interrupted anywhere it is run again. @returns the months that expired now.
 */
export async function expireContent(
  { keyring, acts, clock, expiries, holds }: ExpireDependencies,
  { retentionDays, tenant }: { retentionDays: number; tenant: string },
): Promise<string[]> {
  const nowMs = clock();
  const overdue = (await keyring.months()).filter((month) => monthEndMs(month) + retentionDays * DAY_MS <= nowMs);
  if (overdue.length === 0 || (await holds.read()).holds.length > 0) return [];
  const expired: string[] = [];
  for (const month of overdue) {
    const { months } = await expiries.read();
    if (!months.some((one) => one.month === month)) {
      const target: ExpiryTarget = { class: "content", retention_days: retentionDays, key_id_prefixes: [month] };
      const principal = { keyId: null, name: "runledger", roles: new Set<never>(), tenant, everyTenant: true };
      await acts.record({ action: "expiry", principal, reason: null, target: { ...target } });
      const recorded_time = new Date(nowMs).toISOString();
      await expiries.update((state) => ({ months: [...state.months, { month, recorded_time }] }));
      expired.push(month);
    }
    if ((await keyring.countKeys(month)) > 0) {
      const claim = { id: `expiry ${month}`, tenant: null };
      const hold = await claimDestruction(holds, claim, async (inForce) => inForce[0] ?? null);
      // Recorded, and not done while it is held.
      if (hold !== null) return expired;
      await keyring.destroyMonth(month, new Set());
      await releaseDestruction(holds, ({ id }) => id === claim.id);
    }
    if (monthEndMs(month) + SETTLED_MS <= nowMs) await keyring.removeEmptyRings(month);
  }
  return expired;
}
