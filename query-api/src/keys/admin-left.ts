import { EVERY_TENANT } from "@runledger/contract";
import { type NewKey, type StoredKey, statusOf } from "@runledger/storage";
import { QueryApiError } from "../error.ts";

/** Once there is a key, keys are asked for: nobody must be locked out by the first one, nor by the last one that goes. */
const WAY_OUT = "or start with RUNLEDGER_API_KEY, which opens everything";

/** A check of a new key: the first one of all must be an admin's, of every tenant, without an end. */
export function mustBeFirst({ roles, tenant, expiresMs }: NewKey): (before: readonly StoredKey[]) => void {
  return (before) => {
    if (before.length > 0 || (roles.includes("admin") && tenant === EVERY_TENANT && expiresMs === null)) return;
    throw new QueryApiError(
      "conflict",
      "the first key must be an admin's of all tenants that does not expire: from then on keys are asked for",
      {
        hint: `runledger keys create --name admin --role admin --tenant '*'; ${WAY_OUT}`,
      },
    );
  };
}

/** A check of a revocation: another admin of every tenant must be left. */
export function mustNotBeLast(keyId: string, nowMs: number): (before: readonly StoredKey[]) => void {
  const opensAll = (key: StoredKey) =>
    key.roles.includes("admin") && key.tenant === EVERY_TENANT && statusOf(key, nowMs) === "active";
  return (before) => {
    const goes = before.find(({ key_id }) => key_id === keyId);
    if (goes === undefined || !opensAll(goes)) return;
    if (before.some((key) => key.key_id !== keyId && opensAll(key))) return;
    throw new QueryApiError(
      "conflict",
      "this is the last key of an admin of all tenants: nobody could make keys after it",
      {
        hint: `create another one first, ${WAY_OUT}`,
      },
    );
  };
}
