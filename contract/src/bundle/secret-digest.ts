import crypto from "node:crypto";

/**
 * The first hex digits, 16 at most, of a hash of a secret and the text: nobody can make two texts that it takes for one who does not know the secret.
 * @param secret random bytes, 16 at least, always as many.
 */
export function createSecretDigest(secret: Uint8Array, digits: number): (text: string) => string {
  const before = Buffer.from(secret).toString("hex");
  return (text) => crypto.hash("sha256", before + text, "hex").slice(0, digits);
}
