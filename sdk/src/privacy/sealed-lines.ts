import { createCipheriv, createDecipheriv, createHmac, randomBytes } from "node:crypto";

/** How lines of a file that holds content are written; undefined where they must not be. */
export interface LineSeal {
  seal(line: string): string;
  /** @throws when it was sealed with another key, or is damaged. */
  open(line: string): string;
}

/** With another key, or none. */
export class SealedOtherwise extends Error {
  override readonly name = "SealedOtherwise";
}

export const PLAIN_LINES: LineSeal = { seal: (line) => line, open: (line) => line };

const IV_BYTES = 12;
const TAG_BYTES = 16;

/** AES-256-GCM, base64, with a key of its own derived from the content key. */
export function sealedLines(contentKey: string): LineSeal {
  const key = createHmac("sha256", contentKey).update("runledger checkpoint v1").digest();
  return {
    seal(line) {
      const iv = randomBytes(IV_BYTES);
      const cipher = createCipheriv("aes-256-gcm", key, iv);
      const text = Buffer.concat([cipher.update(line, "utf8"), cipher.final()]);
      return Buffer.concat([iv, text, cipher.getAuthTag()]).toString("base64");
    },
    open(line) {
      const bytes = Buffer.from(line, "base64");
      try {
        const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, IV_BYTES));
        decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
        return decipher.update(bytes.subarray(IV_BYTES, -TAG_BYTES), undefined, "utf8") + decipher.final("utf8");
      } catch (cause) {
        throw new SealedOtherwise("it was sealed with another content key (RUNLEDGER_CONTENT_KEY), or is damaged", {
          cause,
        });
      }
    },
  };
}
