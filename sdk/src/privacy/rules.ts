import type { Config } from "../config.ts";

/** Where a text stands that is looked at. */
export interface ContentPlace {
  /** The attribute it goes out under: `gen_ai.tool.call.arguments`, `runledger.step.reason`, … */
  attribute: string;
  /** Within JSON: the names of members and numbers of items down to it. */
  path: readonly string[];
  /** It is the name of a member, not its value: rules with a path don't look at names. */
  isName?: boolean;
}

/** Of your own: what your data has that no detector knows. */
export interface RedactionRule {
  /** Stands in the placeholder and in the counts. Letters, digits, `_` and `-`. */
  name: string;
  /** Only in this attribute. */
  attribute?: string | undefined;
  /** Only there and below: members, by points; `*` is any one, `**` any number of them: `customer.name`, `**.diagnosis`. Numbers and booleans too. */
  path?: string | undefined;
  /** Only what this finds; else the whole text. */
  match?: RegExp | undefined;
  /** The text without what must not be in it. Synchronous and quick. One that throws, or gives no text, has the content withheld. */
  redact?: ((text: string, place: ContentPlace) => string) | undefined;
}

/** What may leave the process. Data alone where no rule is a function: it crosses to another thread. */
export interface CoverSettings {
  content: Config["content"];
  /** Of placeholders and hashes. */
  key: string | Uint8Array;
  rules: readonly RedactionRule[];
  countries: readonly string[];
}

/** @returns the text as it may go out. */
export type AppliedRule = (text: string, place: ContentPlace) => string;

export interface PreparedRule {
  name: string;
  apply: AppliedRule;
}

const NAME = /^[\w-]{1,40}$/;

/** @throws Error when a rule can't be one. */
export function prepareRule(rule: RedactionRule, placeholder: (kind: string, found: string) => string): PreparedRule {
  const { name, attribute, path, match, redact } = rule;
  if (!NAME.test(name))
    throw new Error(`runledger: redaction rule ${JSON.stringify(name)}: a name is letters, digits, _ and -`);
  if (match === undefined && redact === undefined && path === undefined && attribute === undefined) {
    throw new Error(`runledger: redaction rule ${name} says neither where (path, attribute) nor what (match, redact)`);
  }
  const pattern = match && new RegExp(match, match.flags.includes("g") ? match.flags : `${match.flags}g`);
  const segments = path?.split(".");
  return {
    name,
    apply(text, place) {
      if (attribute !== undefined && place.attribute !== attribute) return text;
      if (segments !== undefined && (place.isName || !matchesPath(segments, place.path))) return text;
      if (redact !== undefined) {
        const redacted: unknown = redact(text, place);
        if (typeof redacted !== "string") throw new TypeError(`rule ${name} gave no text`);
        return redacted;
      }
      if (pattern === undefined) return placeholder(name, text);
      return text.replace(pattern, (found) => (found === "" ? "" : placeholder(name, found)));
    },
  };
}

/** The path itself, and all below it. */
export function matchesPath(pattern: readonly string[], path: readonly string[]): boolean {
  const [first, ...others] = pattern;
  if (first === undefined) return true;
  if (first === "**") {
    for (let skipped = 0; skipped <= path.length; skipped++) if (matchesPath(others, path.slice(skipped))) return true;
    return false;
  }
  const [head, ...tail] = path;
  return head !== undefined && (first === "*" || first === head) && matchesPath(others, tail);
}
