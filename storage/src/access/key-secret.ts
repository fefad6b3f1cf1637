import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

const KEY_ID_BYTES = 8;
const SECRET_BYTES = 32;
/** `rlk_`, the key's id, and 256 random bits: the first part is what secret scanners look for, the second finds the key. */
const FORM = /^rlk_([0-9a-f]{16})_[A-Za-z0-9_-]{43}$/;

export function newKeyId(): string {
  return randomBytes(KEY_ID_BYTES).toString("hex");
}

export function newSecret(keyId: string): string {
  return `rlk_${keyId}_${randomBytes(SECRET_BYTES).toString("base64url")}`;
}

/** The key that a secret says it is of; null when it is none of ours by its form. */
export function keyIdOf(secret: string): string | null {
  return FORM.exec(secret)?.[1] ?? null;
}

/** What is kept of a secret. It is random, so a plain hash can't be guessed back; hex. */
export function secretHash(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

/** In constant time: both are hashes, and so of one length. */
export function isSecretOf(hash: string, kept: string): boolean {
  return timingSafeEqual(Buffer.from(hash, "hex"), Buffer.from(kept, "hex"));
}
