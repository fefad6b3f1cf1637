import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { createDetectors } from "./detectors.ts";
import { loadLibraries } from "./libraries.ts";
import { type ContentKey, createContentKey } from "./placeholder.ts";
import { type Covered, coverRecord } from "./record-cover.ts";
import { type CoverSettings, prepareRule } from "./rules.ts";
import { createTextRedactor, type RedactText } from "./text-redactor.ts";

/** The record as it may leave the process. Never throws for what content holds: what can't be looked through is withheld. */
export type Cover = (span: ReadableSpan) => Covered;

export interface Redactor {
  key: ContentKey;
  redactText: RedactText;
}

/** @throws Error when a library is missing, or a rule can't be one. */
export function createRedactor({ key, rules, countries }: CoverSettings): Redactor {
  const contentKey = createContentKey(key);
  const { placeholder } = contentKey;
  const detectors = createDetectors(loadLibraries(), countries);
  const prepared = rules.map((rule) => prepareRule(rule, placeholder));
  return { key: contentKey, redactText: createTextRedactor({ detectors, rules: prepared, placeholder }) };
}

/** The detectors, megabytes, are loaded with the first record. */
export function createCover(settings: CoverSettings): Cover {
  const { content } = settings;
  if (content === "full") return (span) => ({ span, found: {}, withheld: [], failed: [] });
  let redactor: Redactor | undefined;
  return (span) => {
    redactor ??= createRedactor(settings);
    return coverRecord(span, { content, ...redactor });
  };
}
