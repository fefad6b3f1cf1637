import { hash } from "node:crypto";
import { canonicalJson } from "@runledger/contract";
import { parsedJson } from "./json-text.ts";

export function sha256Hex(text: string): string {
  return hash("sha256", text, "hex");
}

/** sha256 of the message list as one JSON array: `[` the messages' texts as sent, joined by commas `]`. */
export function messagesHash(messages: readonly string[], sha256 = sha256Hex): string {
  return sha256(`[${messages.join(",")}]`);
}

/** sha256 of the arguments' RFC 8785 form, so that the same call written with other blanks or key order has the same hash; of words (`keptText`) as a JSON string. */
export function argumentsHash(json: string, parse = parsedJson): string {
  return sha256Hex(argumentsText(parse(json), json));
}

/** What `argumentsHash` hashes. `json`: the arguments as they were written, where that is at hand; a value of undefined: it is words. */
export function argumentsText(value: unknown, json?: string): string {
  try {
    return canonicalJson(value === undefined ? json : value);
  } catch {
    return json ?? JSON.stringify(value); // with lone surrogates: then the text itself is compared
  }
}
