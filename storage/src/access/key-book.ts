import { type Role, statePath } from "@runledger/contract";
import { StorageError } from "../error.ts";
import type { Objects } from "../objects/objects.ts";
import { createStateDocument } from "../state/state-document.ts";
import { createWatchedDocument } from "../state/watched-document.ts";
import { identify, type Sought } from "./identify.ts";
import { newSecret, secretHash } from "./key-secret.ts";
import { keyState, NO_KEYS, rotated, type StoredKey, withChangedKey, withKey } from "./key-state.ts";
import { createKeyUse } from "./key-use.ts";

/** So long after a key was made, changed or revoked by another process it is noticed here. */
const POLL_MS = 2_000;

export interface KeyBookOptions {
  /** RUNLEDGER_API_KEY: an admin's, of every tenant; null: there is none. */
  installationKey: string | null;
  /** Milliseconds since the epoch. */
  clock: () => number;
  /** The store can't be reached: what is known goes on being used. */
  onError: (error: unknown) => void;
}

export interface NewKey {
  keyId: string;
  name: string;
  roles: readonly Role[];
  /** `*`: every one. */
  tenant: string;
  /** Epoch ms; null: never. */
  expiresMs: number | null;
  createdBy: string;
}

/** The keys of an installation, in memory as of two seconds ago at most: asking it costs a hash. */
export interface KeyBook {
  /** Are keys asked for? Once one was made they are, for ever. */
  isEnforced(): boolean;
  identify(authorization: string | null): Sought;
  keys(): Promise<{ keys: readonly StoredKey[]; lastUsedMs: Record<string, number> }>;
  /** Durable when it resolves, with the secret, which is kept nowhere. `allow` is asked about the state that it is added to, and may throw. */
  create(key: NewKey, allow?: (before: readonly StoredKey[]) => void): Promise<{ key: StoredKey; secret: string }>;
  /** Null when there is no such key. */
  rotate(keyId: string, overlapMs: number): Promise<{ key: StoredKey; secret: string } | null>;
  /** Null when there is no such key; again is harmless. */
  revoke(keyId: string, allow?: (before: readonly StoredKey[]) => void): Promise<StoredKey | null>;
  close(): Promise<void>;
}

/** @throws StorageError when the keys can't be read now: who doesn't know them must not start. */
export async function openKeyBook(objects: Objects, options: KeyBookOptions): Promise<KeyBook> {
  const { installationKey, clock, onError } = options;
  const document = createWatchedDocument(
    createStateDocument(objects, statePath("keys"), keyState, NO_KEYS),
    { clock, onError },
    POLL_MS,
  );
  const use = createKeyUse(objects, clock, onError);
  await document.read();
  const unsubscribe = document.subscribe(() => undefined);
  const known = () => document.known()?.state ?? NO_KEYS;
  return {
    isEnforced: () => installationKey !== null || known().keys.length > 0,
    identify(authorization) {
      const sought = identify(authorization, { installationKey, keys: known(), nowMs: clock() });
      if ("key" in sought && sought.key !== null) use.note(sought.key.key_id);
      return sought;
    },
    async keys() {
      return { keys: (await document.read()).keys, lastUsedMs: await use.read() };
    },
    async create(key, allow = () => undefined) {
      const secret = newSecret(key.keyId);
      const stored = storedKeyOf(key, secret, clock());
      await document.update((before) => {
        allow(before.keys);
        return withKey(before, stored, clock());
      });
      return { key: stored, secret };
    },
    async rotate(keyId, overlapMs) {
      const secret = newSecret(keyId);
      const nowMs = clock();
      const after = await document.update((before) =>
        withChangedKey(before, keyId, (key) => rotated(active(key), secretHash(secret), overlapMs, nowMs)),
      );
      const key = after.keys.find(({ key_id }) => key_id === keyId);
      return key === undefined ? null : { key, secret };
    },
    async revoke(keyId, allow = () => undefined) {
      const nowMs = clock();
      const after = await document.update((before) => {
        allow(before.keys);
        return withChangedKey(before, keyId, (key) => ({ ...key, revoked_ms: key.revoked_ms ?? nowMs }));
      });
      return after.keys.find(({ key_id }) => key_id === keyId) ?? null;
    },
    async close() {
      unsubscribe();
      await use.close().catch(onError); // when a key was used is worth less than an end
    },
  };
}

function storedKeyOf(key: NewKey, secret: string, nowMs: number): StoredKey {
  return {
    key_id: key.keyId,
    name: key.name,
    roles: [...key.roles],
    tenant: key.tenant,
    created_ms: nowMs,
    created_by: key.createdBy,
    expires_ms: key.expiresMs,
    revoked_ms: null,
    rotated_ms: null,
    secret_sha256: secretHash(secret),
    old: null,
  };
}

/** @throws StorageError `conflict`: what was revoked does not come back by a new secret. */
function active(key: StoredKey): StoredKey {
  if (key.revoked_ms === null) return key;
  throw new StorageError("conflict", `key ${key.key_id} was revoked: create another one`);
}
