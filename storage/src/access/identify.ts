import { createHash, timingSafeEqual } from "node:crypto";
import { DEFAULT_TENANT, EVERY_TENANT, type Principal, ROLES, withImpliedRoles } from "@runledger/contract";
import { isSecretOf, keyIdOf, secretHash } from "./key-secret.ts";
import { type KeyState, type StoredKey, statusOf } from "./key-state.ts";

/** Who shows these credentials, or why nobody does. What became of a key is told only to who has its secret. */
export type Sought =
  | { principal: Principal; key: StoredKey | null }
  | { refused: "missing" | "unknown" | "expired" | "revoked" | "rotated" };

/** The principal of the installation itself: its own key's, or on loopback everybody's while there are no keys. */
export function installationPrincipal(name: string): Principal {
  return { keyId: null, name, roles: new Set(ROLES), tenant: DEFAULT_TENANT, everyTenant: true };
}

/** @param authorization as HTTP has it: `Bearer KEY`, or `Basic` of any user with the key as password. */
export function identify(
  authorization: string | null,
  { installationKey, keys, nowMs }: { installationKey: string | null; keys: KeyState; nowMs: number },
): Sought {
  const shown = shownKey(authorization ?? "");
  if (shown === null) return { refused: "missing" };
  if (installationKey !== null && sameText(shown, installationKey)) {
    return { principal: installationPrincipal("RUNLEDGER_API_KEY"), key: null };
  }
  const keyId = keyIdOf(shown);
  const key = keyId === null ? undefined : keys.keys.find(({ key_id }) => key_id === keyId);
  if (key === undefined) return { refused: "unknown" };
  const hash = secretHash(shown);
  const isCurrent = isSecretOf(hash, key.secret_sha256);
  const isOld = key.old !== null && isSecretOf(hash, key.old.secret_sha256);
  if (!isCurrent && !isOld) return { refused: "unknown" };
  const status = statusOf(key, nowMs);
  if (status !== "active") return { refused: status };
  if (!isCurrent && (key.old?.until_ms ?? 0) <= nowMs) return { refused: "rotated" };
  return { principal: principalOf(key), key };
}

/** Why nobody was found, and what to do. */
export function refusalText(refused: Extract<Sought, { refused: string }>["refused"]): {
  message: string;
  hint: string;
} {
  const another = "ask an admin for another: runledger keys create, or runledger keys rotate";
  const send = "send Authorization: Bearer KEY, or Basic with the key as password";
  return {
    missing: { message: "no key", hint: send },
    unknown: { message: "not the right key", hint: send },
    expired: { message: "the key has expired", hint: another },
    revoked: { message: "the key was revoked", hint: another },
    rotated: { message: "the key was rotated, and its old secret is not taken any more", hint: another },
  }[refused];
}

function principalOf({ key_id, name, roles, tenant }: StoredKey): Principal {
  const everyTenant = tenant === EVERY_TENANT;
  return {
    keyId: key_id,
    name,
    roles: withImpliedRoles(roles),
    tenant: everyTenant ? DEFAULT_TENANT : tenant,
    everyTenant,
  };
}

function shownKey(authorization: string): string | null {
  const space = authorization.indexOf(" ");
  const scheme = authorization.slice(0, space).toLowerCase();
  const value = authorization.slice(space + 1).trim();
  if (scheme === "bearer") return value;
  if (scheme !== "basic") return null;
  const pair = Buffer.from(value, "base64").toString("utf8");
  const colon = pair.indexOf(":");
  return colon < 0 ? null : pair.slice(colon + 1);
}

/** In constant time: digests have one length. */
function sameText(a: string, b: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
