import { createHash } from "node:crypto";
import { canonicalJson } from "@runledger/contract";

export function sha256Hex(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** sha256 of the message list as one JSON array: `[` the messages' texts as sent, joined by commas `]`. */
export function messagesHash(messages: readonly string[]): string {
  const hash = createHash("sha256").update("[");
  for (let i = 0; i < messages.length; i++) hash.update(i === 0 ? "" : ",").update(messages[i] ?? "");
  return hash.update("]").digest("hex");
}

/** sha256 of the arguments' RFC 8785 form, so that the same call written with other blanks or key order has the same hash. */
export function argumentsHash(json: string): string {
  return sha256Hex(canonicalOr(json));
}

function canonicalOr(json: string): string {
  try {
    return canonicalJson(JSON.parse(json));
  } catch {
    return json; // not JSON, or with lone surrogates: then the text itself is compared
  }
}
