import type { Detector } from "./detectors.ts";
import type { ContentPlace, PreparedRule } from "./rules.ts";

/** So many of each kind were found. */
export type Found = Record<string, number>;

/** Content that can't be looked through must not go out. */
export class RedactionFailure extends Error {
  override readonly name = "RedactionFailure";
  /** The detector or rule; `size` and `time` are the bounds of the work itself. */
  readonly rule: string;
  constructor(rule: string, cause?: unknown) {
    super(`content is withheld: ${rule} failed`, { cause });
    this.rule = rule;
  }
}

/** @throws RedactionFailure */
export type RedactText = (text: string, place: ContentPlace, found: Found) => string;

export interface TextRedactorParts {
  detectors: readonly Detector[];
  rules: readonly PreparedRule[];
  placeholder: (kind: string, found: string) => string;
}

/** Texts remembered, by what they became: a conversation is sent again at each step. */
const REMEMBERED_CHARS = 4_194_304;
const SHORT_CHARS = 64;

export function createTextRedactor({ detectors, rules, placeholder }: TextRedactorParts): RedactText {
  const remembered = createMemo(REMEMBERED_CHARS);

  function detect(text: string): Remembered {
    const found: Found = {};
    let result = text;
    for (const { kind, replace } of detectors) {
      const put = (what: string): string => {
        found[kind] = (found[kind] ?? 0) + 1;
        return placeholder(kind, what);
      };
      result = guarded(kind, () => replace(result, put));
    }
    return { text: result, found };
  }
  function detectOnce(text: string): Remembered {
    if (text.length < SHORT_CHARS) return detect(visible(text, detect));
    const known = remembered.get(text);
    if (known !== undefined) return known;
    const made = detect(visible(text, detect));
    remembered.set(text, made);
    return made;
  }

  return (text, place, found) => {
    let result = text;
    for (const { name, apply } of rules) {
      const before = result;
      result = guarded(name, () => apply(before, place));
      if (result !== before) found[name] = (found[name] ?? 0) + 1;
    }
    // Nothing of any kind is that short, and most texts of a record are.
    if (result.length < MIN_CHARS) return result;
    const detected = detectOnce(result);
    for (const kind in detected.found) found[kind] = (found[kind] ?? 0) + (detected.found[kind] ?? 0);
    return detected.text;
  };
}
const MIN_CHARS = 6;

function guarded(rule: string, work: () => string): string {
  try {
    return work();
  } catch (error) {
    throw error instanceof RedactionFailure ? error : new RedactionFailure(rule, error);
  }
}

/** Soft hyphens, characters without width, full-width forms and digits of other scripts: what looks the same to a reader. */
const DISGUISE = /[\u00AD\u200B-\u200F\u2060-\u2064\uFEFF]/g;
const MAY_BE_DISGUISED = /[\u00AD\u200B-\u200F\u2060-\u2064\uFEFF\uFF01-\uFF5E\u0660-\u0669\u06F0-\u06F9\u0966-\u096F]/;
const OTHER_DIGIT = /[\u0660-\u0669\u06F0-\u06F9\u0966-\u096F]/g;

/** The text itself, or without its disguise where something is found then. */
function visible(text: string, detect: (text: string) => Remembered): string {
  if (!MAY_BE_DISGUISED.test(text)) return text;
  const plain = text
    .replace(DISGUISE, "")
    .normalize("NFKC")
    .replace(OTHER_DIGIT, (digit) => String((((digit.codePointAt(0) ?? 0) - 0x0660) % 0x10) % 10));
  return Object.keys(detect(plain).found).length === 0 ? text : plain;
}

interface Remembered {
  text: string;
  found: Found;
}

/** Bounded by the characters it holds; the oldest go first. */
function createMemo(maxChars: number) {
  const entries = new Map<string, Remembered>();
  let chars = 0;
  return {
    get: (text: string) => entries.get(text),
    set(text: string, made: Remembered): void {
      const weight = text.length + (made.text === text ? 0 : made.text.length);
      if (weight > maxChars / 4) return;
      entries.set(text, made);
      chars += weight;
      for (const [oldest, { text: result }] of entries) {
        if (chars <= maxChars) return;
        entries.delete(oldest);
        chars -= oldest.length + (result === oldest ? 0 : result.length);
      }
    },
  };
}
