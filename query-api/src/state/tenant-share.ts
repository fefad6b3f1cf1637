/** All tenants together may have so many times what one may: what holds them is one document, read and written whole. */
const FULL_TENANTS = 5;

interface OfTenant {
  tenant: string;
}

/**
 * Why a tenant can't have one more of what a document keeps for all; null: it can. Tells nothing of what others have.
 * @param what as in `1000 holds are in force`.
 */
export function whyFull(kept: readonly OfTenant[], tenant: string, max: number, what: string): string | null {
  const own = kept.filter((one) => one.tenant === tenant).length;
  if (own >= max) return `${max} ${what}, which is the limit of a tenant`;
  return kept.length >= max * FULL_TENANTS ? "there is no room for another: tenants have too many" : null;
}

/** Whether a tenant may have one more of what lasts while somebody waits: as much as it leaves free, alone half, so that there is room for the next tenant. */
export function hasShare(own: number, ofAll: number, max: number): boolean {
  return own + 1 <= max - (ofAll + 1);
}

/** The newest of each tenant, up to `max`; where all have too many together, those that have the most keep less. */
export function newestOfEach<Kept extends OfTenant>(newestFirst: readonly Kept[], max: number): ReadonlySet<Kept> {
  const counts = new Map<string, number>();
  const ranked = newestFirst.map((one) => {
    const rank = counts.get(one.tenant) ?? 0;
    counts.set(one.tenant, rank + 1);
    return { one, rank };
  });
  const shares = ranked.filter(({ rank }) => rank < max).sort((a, b) => a.rank - b.rank);
  return new Set(shares.slice(0, max * FULL_TENANTS).map(({ one }) => one));
}
