import crypto from "node:crypto";
import { LogError } from "../log/log-error.ts";

/**
 * How a payload is sealed under the data key (DEK, 32 bytes) of the person or run whose content it is. ‖ joins bytes, texts are UTF-8:
 *
 *     salt       = HMAC-SHA256(DEK, "runledger salt v1" ‖ media_type ‖ 0x00 ‖ plaintext), its first 16 bytes
 *     K          = HMAC-SHA512(DEK, "runledger payload v1" ‖ salt)
 *     stored     = salt ‖ AES-256-GCM(key K[0..32], nonce of 12 zero bytes, no associated data, plaintext) ‖ tag of 16 bytes
 *     commitment = HMAC-SHA256(K[32..64], plaintext), hex
 *
 * The salt follows from the content, so sealing again gives the same bytes; and a key K is ever used for one plaintext, so the nonce need not
 * change. Who is given K can open this payload and no other, and check the plaintext against the commitment by HMAC alone.
 *
 * Of a plaintext that is deflated first (RFC 1951, `inflated_bytes` of the reference) what is encrypted is the deflated form, and the salt is made of it
 * and of media_type ‖ ";deflate": another compressor gives other bytes, and with them another K. The commitment is to the plaintext all the same.
 */
export interface SealedPayload {
  /** What lies in the pack. */
  stored: Uint8Array;
  /** 64 hex digits. */
  commitment: string;
}

export const DATA_KEY_BYTES = 32;
export const PAYLOAD_KEY_BYTES = 64;
export const SALT_BYTES = 16;
/** How much longer the stored form is than the plaintext. */
export const SEAL_BYTES = 32;

const CIPHER = "aes-256-gcm";
const CIPHER_KEY_BYTES = 32;
const TAG_BYTES = 16;
const NONCE = Buffer.alloc(12);
const SALT_LABEL = "runledger salt v1";
const DEFLATED = ";deflate";
const KEY_LABEL = "runledger payload v1";

/** `mediaType`: of the stored form, as the reference to it has it. */
export function sealPayload(dek: Uint8Array, mediaType: string, plaintext: Uint8Array): SealedPayload {
  return sealWithSalt(dek, payloadSalt(dek, mediaType, plaintext), plaintext);
}

/** 16 bytes that differ wherever media type or plaintext do, and tell nothing of them to who has not the data key. */
export function payloadSalt(dek: Uint8Array, mediaType: string, plaintext: Uint8Array): Uint8Array {
  const mac = crypto.createHmac("sha256", keyOf(dek)).update(`${SALT_LABEL}${mediaType}\0`).update(plaintext);
  return mac.digest().subarray(0, SALT_BYTES);
}

/** The same, deflated: smaller where it has enough that comes again. */
export function sealDeflated(
  dek: Uint8Array,
  mediaType: string,
  plaintext: Uint8Array,
  deflated: Uint8Array,
): SealedPayload {
  return sealed(dek, payloadSalt(dek, `${mediaType}${DEFLATED}`, deflated), deflated, plaintext);
}

/** `sealPayload` for who has its salt already. */
export function sealWithSalt(dek: Uint8Array, salt: Uint8Array, plaintext: Uint8Array): SealedPayload {
  return sealed(dek, salt, plaintext, plaintext);
}

function sealed(dek: Uint8Array, salt: Uint8Array, encrypted: Uint8Array, committed: Uint8Array): SealedPayload {
  const key = payloadKey(dek, salt);
  const cipher = crypto.createCipheriv(CIPHER, keyOf(key.subarray(0, CIPHER_KEY_BYTES)), NONCE);
  const ciphertext = cipher.update(encrypted);
  const rest = cipher.final(); // empty, as GCM has no padding; it computes the tag
  return {
    stored: Buffer.concat([salt, ciphertext, rest, cipher.getAuthTag()]),
    commitment: commitmentOf(key, committed),
  };
}

/** K of one payload: its first 32 bytes open it, the others are the key of its commitment. `salt`: the first 16 bytes stored. */
export function payloadKey(dek: Uint8Array, salt: Uint8Array): Uint8Array {
  return crypto.createHmac("sha512", keyOf(dek)).update(KEY_LABEL).update(salt).digest();
}

/** The plaintext. @throws LogError `mismatch` when the key is not that of these bytes, or they are not what was sealed. */
export function openPayload(key: Uint8Array, stored: Uint8Array): Uint8Array {
  if (key.length !== PAYLOAD_KEY_BYTES || stored.length < SEAL_BYTES)
    throw new LogError("mismatch", "a payload key or what it is to open is too short");
  const decipher = crypto.createDecipheriv(CIPHER, keyOf(key.subarray(0, CIPHER_KEY_BYTES)), NONCE, {
    authTagLength: TAG_BYTES,
  });
  decipher.setAuthTag(stored.subarray(-TAG_BYTES));
  const plaintext = decipher.update(stored.subarray(SALT_BYTES, -TAG_BYTES));
  try {
    decipher.final();
  } catch (cause) {
    throw new LogError("mismatch", "a payload does not open with its key", cause);
  }
  return plaintext;
}

/** What binds the entry to the plaintext. */
export function commitmentOf(key: Uint8Array, plaintext: Uint8Array): string {
  return crypto
    .createHmac("sha256", keyOf(key.subarray(CIPHER_KEY_BYTES)))
    .update(plaintext)
    .digest("hex");
}

/** Node takes several times as long for a key that is given as bytes. */
function keyOf(bytes: Uint8Array): crypto.KeyObject {
  return crypto.createSecretKey(bytes);
}
