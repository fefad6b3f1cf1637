import { createCipheriv, createDecipheriv, createHmac, createSecretKey, randomBytes } from "node:crypto";
import { StorageError } from "../error.ts";

/**
 * What all data keys hang on. It never sees a payload, nor a data key: it wraps the one secret of the key ring (`root-secrets.ts`), at each start
 * and at a rotation. So a driver for a key management service (`master-key-module.ts`) needs two calls: Encrypt and Decrypt with `context` as encryption
 * context; its `id` is the service's name of the key. Losing it loses every sealed payload.
 */
export interface MasterKey {
  /** Tells which master key wrapped something; no secret. */
  readonly id: string;
  /** `context` must be given again to unwrap. @throws StorageError `unavailable` when it can't be asked just now. */
  wrap(secret: Uint8Array, context: string): Promise<Uint8Array>;
  /** @throws StorageError `damaged` for what it did not wrap, in this context; `unavailable` as above. */
  unwrap(wrapped: Uint8Array, context: string): Promise<Uint8Array>;
}

export const MASTER_KEY_BYTES = 32;

/** A master key at hand: AES-256-GCM, and its id is a MAC under itself. */
export function createLocalMasterKey(key: Uint8Array): MasterKey {
  if (key.length !== MASTER_KEY_BYTES)
    throw new StorageError("rejected", `a master key has ${MASTER_KEY_BYTES} bytes, not ${key.length}`);
  return {
    id: createHmac("sha256", key).update("runledger master key id v1").digest("hex").slice(0, 16),
    wrap: async (secret, context) => wrapUnder(key, secret, context),
    unwrap: async (wrapped, context) => unwrapUnder(key, wrapped, context),
  };
}

const CIPHER = "aes-256-gcm";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** nonce ‖ ciphertext ‖ tag; the context is authenticated with it. */
export function wrapUnder(key: Uint8Array, secret: Uint8Array, context: string): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, createSecretKey(key), nonce).setAAD(Buffer.from(context));
  return Buffer.concat([nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag()]);
}

/** @throws StorageError `damaged` for anything but what `wrapUnder` made with this key and context. */
export function unwrapUnder(key: Uint8Array, wrapped: Uint8Array, context: string): Uint8Array {
  try {
    const nonce = wrapped.subarray(0, NONCE_BYTES);
    const decipher = createDecipheriv(CIPHER, createSecretKey(key), nonce, { authTagLength: TAG_BYTES }).setAAD(
      Buffer.from(context),
    );
    decipher.setAuthTag(wrapped.subarray(-TAG_BYTES));
    return Buffer.concat([decipher.update(wrapped.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
  } catch (cause) {
    throw new StorageError("damaged", "a wrapped key does not open", cause);
  }
}
