import type { z } from "zod";
import { parseCanonicalJson } from "../record/parse-canonical-json.ts";
import { PAYLOAD_NAMES, payloadRef, type RunledgerRecord, record } from "../record/record.ts";
import { LogError } from "./log-error.ts";

/**
 * The record of an entry: of this version, or of a later one. A later one may have members that are not known here, payloads of other names, other words
 * where a member is one of some words, and a greater `v`; what is known must be as the contract has it. Such a record is given as it stands in the log.
 * @param onLater called when the record holds what is not known here.
 * @throws LogError `malformed` unless the bytes are the canonical JSON of one.
 */
export function parseLogEntry(entry: Uint8Array, onLater: () => void = () => undefined): RunledgerRecord {
  const value = parseCanonicalJson(entry);
  const { error } = record.safeParse(value);
  const issue = error === undefined ? null : misfitOf(record, value, error.issues, Buffer.from(entry).toString());
  const wrong = issue ?? misfitOfOtherPayloads(value as RunledgerRecord);
  if (wrong !== null) throw new LogError("malformed", `it is no record: ${wrong.path.join(".")}: ${wrong.message}`);
  if (error !== undefined || Object.keys((value as RunledgerRecord).payloads).some((name) => !isKnownName(name)))
    onLater();
  return value as RunledgerRecord;
}

type Issue = Pick<z.core.$ZodIssue, "path" | "message">;

/** Null when what is known of the value fits, whatever a later version has put beside it. `text`: the value's, for a copy. */
function misfitOf(schema: z.ZodType, value: unknown, issues: readonly z.core.$ZodIssue[], text: string): Issue | null {
  const known: unknown = JSON.parse(text);
  for (const issue of issues) {
    if (issue.code === "unrecognized_keys") {
      const holder = memberOf(known, issue.path) as Record<string, unknown>;
      for (const key of issue.keys) delete holder[key];
    } else if (issue.code === "invalid_value" && isLaterWord(issue, memberOf(value, issue.path))) {
      const holder = memberOf(known, issue.path.slice(0, -1)) as Record<PropertyKey, unknown>;
      holder[issue.path.at(-1) ?? ""] = issue.values[0];
    } else return issue;
  }
  return schema.safeParse(known).error?.issues[0] ?? null;
}

/** A word for one of some words; for a version one that is greater. */
function isLaterWord({ values: [first] }: z.core.$ZodIssueInvalidValue, value: unknown): boolean {
  if (typeof first === "number") return Number.isSafeInteger(value) && (value as number) > first;
  return typeof value === typeof first;
}

function memberOf(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((at, name) => (at as Record<PropertyKey, unknown>)[name], value);
}

function isKnownName(name: string): boolean {
  return (PAYLOAD_NAMES as readonly string[]).includes(name);
}

/** For a person. */
export function noteOfLater(entries: number): string[] {
  if (entries === 0) return [];
  return [
    `Entries with members, words or payloads of a later Runledger, which this version does not know: ${entries}.`,
  ];
}

/** Payloads of names that are not known here are payloads: what they refer to is evidence too. */
function misfitOfOtherPayloads({ payloads }: RunledgerRecord): Issue | null {
  for (const [name, ref] of Object.entries(payloads)) {
    if (isKnownName(name)) continue;
    const { error } = payloadRef.safeParse(ref);
    const issue = error && misfitOf(payloadRef, ref, error.issues, JSON.stringify(ref) ?? "null");
    if (issue) return { message: issue.message, path: ["payloads", name, ...issue.path] };
  }
  return null;
}
