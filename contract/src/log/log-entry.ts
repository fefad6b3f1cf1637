import { canonicalJson } from "../record/canonical-json.ts";
import { type RunledgerRecord, record } from "../record/record.ts";
import { LogError } from "./log-error.ts";

/** The record of an entry. @throws LogError `malformed` unless its bytes are the canonical JSON of a record as the contract has it. */
export function parseLogEntry(entry: Uint8Array): RunledgerRecord {
  const text = decode(entry);
  const value = parse(text);
  if (!isCanonical(value, text)) throw new LogError("malformed", "it is not canonical JSON (RFC 8785)");
  const parsed = record.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new LogError("malformed", `it is no record: ${issue?.path.join(".")}: ${issue?.message}`);
  }
  return parsed.data;
}

function decode(entry: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(entry);
  } catch (cause) {
    throw new LogError("malformed", "it is not UTF-8", cause);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new LogError("malformed", "it is not JSON", cause);
  }
}

function isCanonical(value: unknown, text: string): boolean {
  try {
    return canonicalJson(value) === text;
  } catch (error) {
    // Lone surrogates: JSON can spell them, RFC 8785 can't. RangeError: nested deeper than anybody's stack, and so than we ever write.
    if (error instanceof TypeError || error instanceof RangeError) return false;
    throw error;
  }
}
