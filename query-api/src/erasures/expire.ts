import type { ExpiryTarget } from "@runledger/contract";
import { contentEndMs, type Keyring, monthEndMs, type StateDocument } from "@runledger/storage";
import type { ActRecorder } from "../acts/act-recorder.ts";
import { claimDestruction, releaseDestruction } from "../holds/destruction-claim.ts";
import type { HoldStore } from "../holds/hold-store.ts";
import { type AgingMonth, agedBy, type ContentAges, isAged, isSteady, nextDay } from "./content-ages.ts";
import type { ExpiryStore } from "./expiry-store.ts";

export interface ExpireDependencies {
  keyring: Keyring;
  acts: ActRecorder;
  clock: () => number;
  ages: StateDocument<ContentAges>;
  expiries: ExpiryStore;
  holds: HoldStore;
}

export interface ExpireSettings {
  retentionDays: number;
  tenant: string;
}

/** What the id of its claim begins with; then comes the month. */
const CLAIM = "expiry ";
/** Nobody makes keys of a month any more that is over for so long: no journal holds requests so old. */
const SETTLED_MS = 60 * 86_400_000;

/**
 * Destroys the data keys of months that are over for `retentionDays`, by the clock and by the days that were counted: claimed first, then recorded, then
 * destroyed. While any hold is in force nothing expires, since which old runs it means can't always be told any more. Interrupted anywhere it is run again.
 * @returns the months that expired now.
 */
export async function expireContent(dependencies: ExpireDependencies, settings: ExpireSettings): Promise<string[]> {
  const { keyring, clock, ages, expiries, holds } = dependencies;
  const { retentionDays } = settings;
  const nowMs = clock();
  const { months } = await expiries.read();
  const look = { nowMs, sizes: await keyring.months(), recorded: new Set(months.map(({ month }) => month)) };
  const aged = await ages.update((before) => agedBy(before, look));
  const { holds: inForce, destroying = [] } = await holds.read();
  const claims = new Set(destroying.map(({ id }) => id));
  const release = (isOver: (month: string) => boolean) =>
    releaseDestruction(holds, ({ id }) => claims.has(id) && isClaimOfExpiry(id) && isOver(id.slice(CLAIM.length)));
  await release((claimed) => !aged.months.some(({ month }) => month === claimed));
  const expired: string[] = [];
  for (const one of aged.months) {
    const { month } = one;
    const isCounted = isAged(aged, one, retentionDays);
    // Under a hold nothing begins, so no ring need be read to know what could.
    const isDue = inForce.length === 0 && isCounted && isSteady(aged) && contentEndMs(month, retentionDays) <= nowMs;
    // Claimed before a crash, or by who is at it: whoever sets a hold was told. Begun anew since, it is done or has new keys.
    if (claims.has(CLAIM + month)) {
      if (!isCounted) await release((claimed) => claimed === month);
      else if (await expireMonth(dependencies, settings, one)) expired.push(month);
    } else if (isDue && (await keyring.countKeys(month)) === 0) {
      if (monthEndMs(month) + SETTLED_MS <= nowMs) await keyring.removeEmptyRings(month);
    } else if (isDue && (await expireMonth(dependencies, settings, one))) expired.push(month);
  }
  return expired;
}

/** Whoever expires content releases it. */
export function isClaimOfExpiry(id: string): boolean {
  return id.startsWith(CLAIM);
}

/** A crash anywhere: it is recorded at most once more, and goes on. @returns false while a hold keeps it. */
async function expireMonth(
  { keyring, acts, clock, ages, expiries, holds }: ExpireDependencies,
  { retentionDays, tenant }: ExpireSettings,
  { month, recorded }: AgingMonth,
): Promise<boolean> {
  const claim = { id: CLAIM + month, tenant: null };
  const hold = await claimDestruction(holds, claim, async (inForce) => inForce[0] ?? null);
  if (hold !== null) return false;
  if (!recorded) {
    const target: ExpiryTarget = { class: "content", retention_days: retentionDays, key_id_prefixes: [month] };
    const principal = { keyId: null, name: "runledger", roles: new Set<never>(), tenant, everyTenant: true };
    await acts.record({ action: "expiry", principal, reason: null, target: { ...target } });
    const recorded_time = new Date(clock()).toISOString();
    await expiries.update(({ months }) => ({
      months: [...months.filter((one) => one.month !== month), { month, recorded_time }],
    }));
    await change(() => ({ recorded: true }));
  }
  await keyring.destroyMonth(month, new Set());
  // What somebody seals under it from now on is new.
  const bytes = (await keyring.months()).get(month) ?? 0;
  await change((state) => ({ recorded: false, from_day: nextDay(state), bytes }));
  await releaseDestruction(holds, ({ id }) => id === claim.id);
  return true;

  async function change(changes: (state: ContentAges) => Partial<AgingMonth>): Promise<void> {
    await ages.update((state) => ({
      ...state,
      months: state.months.map((one) => (one.month === month ? { ...one, ...changes(state) } : one)),
    }));
  }
}
