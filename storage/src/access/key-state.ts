import { ROLES } from "@runledger/contract";
import { z } from "zod";
import { StorageError } from "../error.ts";

/** Of all tenants. Past it revoked and expired ones make room, the oldest first. */
const MAX_KEYS = 1_000;
const hash = z.string().regex(/^[0-9a-f]{64}$/);
const ms = z.number().int();

/** A key as it is kept: hashes of its secrets, never a secret. Times are epoch ms. */
const storedKey = z.strictObject({
  key_id: z.string(),
  name: z.string(),
  roles: z.array(z.enum(ROLES)),
  tenant: z.string(),
  created_ms: ms,
  created_by: z.string(),
  expires_ms: ms.nullable(),
  revoked_ms: ms.nullable(),
  rotated_ms: ms.nullable(),
  secret_sha256: hash,
  /** The secret before the last rotation, while it is still taken. */
  old: z.strictObject({ secret_sha256: hash, until_ms: ms }).nullable(),
});
export type StoredKey = z.infer<typeof storedKey>;

export const keyState = z.strictObject({ version: z.number().int(), keys: z.array(storedKey) });
export type KeyState = z.infer<typeof keyState>;
export const NO_KEYS: KeyState = { version: 0, keys: [] };

/** @throws StorageError `full`. */
export function withKey(state: KeyState, key: StoredKey, nowMs: number): KeyState {
  const excess = state.keys.length + 1 - MAX_KEYS;
  const over = state.keys.filter((one) => statusOf(one, nowMs) !== "active").slice(0, Math.max(0, excess));
  if (over.length < excess)
    throw new StorageError("full", `there are ${MAX_KEYS} keys, which is the limit: revoke some`);
  return { version: state.version + 1, keys: [...state.keys.filter((one) => !over.includes(one)), key] };
}

/** The state with that key as `change` makes it; the same state when it isn't there. */
export function withChangedKey(state: KeyState, keyId: string, change: (key: StoredKey) => StoredKey): KeyState {
  if (!state.keys.some(({ key_id }) => key_id === keyId)) return state;
  const keys = state.keys.map((one) => (one.key_id === keyId ? change(one) : one));
  return { version: state.version + 1, keys };
}

export function rotated(key: StoredKey, secretSha256: string, overlapMs: number, nowMs: number): StoredKey {
  const old = overlapMs === 0 ? null : { secret_sha256: key.secret_sha256, until_ms: nowMs + overlapMs };
  return { ...key, secret_sha256: secretSha256, old, rotated_ms: nowMs };
}

export function statusOf({ revoked_ms, expires_ms }: StoredKey, nowMs: number): "active" | "expired" | "revoked" {
  if (revoked_ms !== null) return "revoked";
  return expires_ms !== null && expires_ms <= nowMs ? "expired" : "active";
}
