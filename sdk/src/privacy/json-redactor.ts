import { isSecretName } from "./secret-patterns.ts";
import { type Found, RedactionFailure, type RedactText } from "./text-redactor.ts";

export interface Redaction {
  attribute: string;
  found: Found;
  /** Performance clock, ms: when the work has taken too long. */
  deadline: number;
}
export interface RedactorParts {
  redactText: RedactText;
  placeholder: (kind: string, found: string) => string;
}

/** JSON text as a member of JSON, as arguments of tools are: so often one in the other. */
const MAX_NESTED = 4;
const MAX_DEPTH = 500;

/**
 * A text of any form, without what must not be in it: JSON is looked through value by value, so no escape hides anything, and stays JSON; what is
 * found nothing in stays as it is to the byte. @throws RedactionFailure
 */
export function redactContent(
  text: string,
  redaction: Redaction,
  parts: RedactorParts,
  path: string[] = [],
  nested = 0,
): string {
  const parsed = nested < MAX_NESTED ? parseJson(text) : undefined;
  if (parsed === undefined) return parts.redactText(text, { attribute: redaction.attribute, path }, redaction.found);
  const changed = redactValue(parsed.value, { redaction, parts, nested }, path);
  return changed === parsed.value ? text : stringify(changed);
}

interface Walk {
  redaction: Redaction;
  parts: RedactorParts;
  nested: number;
}

/** The very value where nothing is found in it. */
export function redactValue(value: unknown, walk: Walk, path: string[]): unknown {
  if (typeof value === "string") return redactLeaf(value, walk, path);
  if (typeof value === "number" || typeof value === "boolean" || value instanceof LongNumber) {
    const text = String(value);
    const redacted = redactLeaf(text, walk, path);
    return redacted === text ? value : redacted;
  }
  if (typeof value !== "object" || value === null) return value;
  if (path.length > MAX_DEPTH) throw new RedactionFailure("size");
  if (performance.now() > walk.redaction.deadline) throw new RedactionFailure("time");
  return Array.isArray(value) ? redactItems(value, walk, path) : redactMembers(value, walk, path);
}

function redactLeaf(text: string, { redaction, parts, nested }: Walk, path: string[]): string {
  if (performance.now() > redaction.deadline) throw new RedactionFailure("time");
  const name = path.at(-1);
  if (name !== undefined && text !== "" && isSecretName(name) && !IS_PLAIN.test(text)) {
    redaction.found["key"] = (redaction.found["key"] ?? 0) + 1;
    return parts.placeholder("key", text);
  }
  return redactContent(text, redaction, parts, path, nested + 1);
}

const IS_PLAIN = /^(?:true|false|null|\[[\w-]+:[a-p]{10}\])$/;

function redactItems(items: readonly unknown[], walk: Walk, path: string[]): readonly unknown[] {
  let changed: unknown[] | undefined;
  for (const [index, item] of items.entries()) {
    const redacted = redactValue(item, walk, [...path, String(index)]);
    if (redacted !== item) {
      changed ??= [...items];
      changed[index] = redacted;
    }
  }
  return changed ?? items;
}

function redactMembers(object: object, walk: Walk, path: string[]): object {
  const { redaction, parts } = walk;
  let isChanged = false;
  const entries = Object.entries(object).map(([name, value]): [string, unknown] => {
    const safeName = parts.redactText(
      name,
      { attribute: redaction.attribute, path: [...path, name], isName: true },
      redaction.found,
    );
    const redacted = redactValue(value, walk, [...path, name]);
    if (safeName !== name || redacted !== value) isChanged = true;
    return [safeName, redacted];
  });
  return isChanged ? Object.fromEntries(entries) : object;
}

/** Digits beyond what a JavaScript number holds, as they were written. */
class LongNumber {
  readonly source: string;
  constructor(source: string) {
    this.source = source;
  }
  toString(): string {
    return this.source;
  }
}
const LONG_NUMBER = /[:[,]\s*-?\d{16}/;

/** Undefined: no JSON object or array. */
export function parseJson(text: string): { value: unknown } | undefined {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    if (!LONG_NUMBER.test(text)) return { value: JSON.parse(text) };
    return {
      value: JSON.parse(text, ((_name: string, value: unknown, context?: { source?: string }) => {
        const source = context?.source;
        return typeof value === "number" && source !== undefined && source !== String(value)
          ? new LongNumber(source)
          : value;
      }) as (name: string, value: unknown) => unknown),
    };
  } catch {
    return undefined;
  }
}

export function stringify(value: unknown): string {
  const { rawJSON } = JSON as unknown as { rawJSON?: (text: string) => unknown };
  return JSON.stringify(value, (_name, member: unknown) =>
    member instanceof LongNumber ? (rawJSON?.(member.source) ?? Number(member.source)) : member,
  );
}
