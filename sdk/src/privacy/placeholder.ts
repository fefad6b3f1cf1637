import { createHmac } from "node:crypto";

export interface ContentKey {
  /** `[email:kfmdbaconl]`: the same for the same text, and not to be guessed from it without the key. Letters only, so that no detector finds it. */
  placeholder(kind: string, found: string): string;
  /** HMAC-SHA256, hex. */
  hash(text: string): string;
}

const LETTERS = "abcdefghijklmnop";
const PLACEHOLDER_LETTERS = 10;

export function createContentKey(key: string | Uint8Array): ContentKey {
  const hash = (text: string) => createHmac("sha256", key).update(text).digest("hex");
  return {
    hash,
    placeholder(kind, found) {
      const digits = hash(`${kind}\0${found}`).slice(0, PLACEHOLDER_LETTERS);
      return `[${kind}:${[...digits].map((digit) => LETTERS[Number.parseInt(digit, 16)]).join("")}]`;
    },
  };
}
