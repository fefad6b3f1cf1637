import { QueryApiError } from "../error.ts";
import { whyFull } from "../state/tenant-share.ts";
import type { HoldStore, KeptHold } from "./hold-store.ts";

/** A destruction of keys that no hold stops any more. */
export interface DestructionClaim {
  /** Of the erasure; or `expiry <month>`. */
  id: string;
  /** Null: of all tenants. */
  tenant: string | null;
}

const MAX_ATTEMPTS = 20;
/** Of a tenant. */
const MAX_HOLDS = 1_000;

/** In force when it resolves. @returns the destructions that it came too late for. @throws QueryApiError `conflict` when there are too many. */
export async function addHold(store: HoldStore, hold: KeptHold): Promise<string[]> {
  const { destroying = [] } = await store.update((state) => {
    const full = whyFull(state.holds, hold.tenant, MAX_HOLDS, "holds are in force");
    if (full !== null) throw new QueryApiError("conflict", full);
    return { ...state, holds: [...state.holds, hold] };
  });
  return destroying.filter(({ tenant }) => tenant === hold.tenant || tenant === null).map(({ id }) => id);
}

/**
 * The point at which a destruction and a hold meet: both are written into one document by compare-and-set. Either the hold was there before, then nothing is claimed
 * and it is returned; or the claim was, then who sets the hold is told that it came too late. Claimed once, it stays so until it is released, also over a crash.
 * @param heldBy the hold that keeps it, among these. @throws QueryApiError `unavailable` when holds change all the time.
 */
export async function claimDestruction(
  store: HoldStore,
  claim: DestructionClaim,
  heldBy: (holds: readonly KeptHold[]) => Promise<KeptHold | null>,
): Promise<KeptHold | null> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const { holds, destroying = [] } = await store.read();
    if (destroying.some(({ id }) => id === claim.id)) return null;
    const hold = await heldBy(holds);
    if (hold !== null) return hold;
    const after = await store.update((state) =>
      idsOf(state.holds) === idsOf(holds) && !state.destroying?.some(({ id }) => id === claim.id)
        ? { ...state, destroying: [...(state.destroying ?? []), claim] }
        : state,
    );
    if (after.destroying?.some(({ id }) => id === claim.id)) return null;
  }
  throw new QueryApiError("unavailable", "holds are being set all the time; it goes on by itself");
}

/** When all is destroyed, or was found to be destroyed already. */
export async function releaseDestruction(
  store: HoldStore,
  isOver: (claim: DestructionClaim) => boolean,
): Promise<void> {
  if (!(await store.read()).destroying?.some(isOver)) return;
  await store.update(({ destroying = [], ...state }) => {
    const left = destroying.filter((claim) => !isOver(claim));
    return left.length === 0 ? state : { ...state, destroying: left };
  });
}

function idsOf(holds: readonly KeptHold[]): string {
  return holds.map(({ hold_id }) => hold_id).join();
}
