import type { CountryCode } from "libphonenumber-js";
import type { Libraries } from "./libraries.ts";
import { SECRET_PATTERNS, TOLD_SECRET_PATTERNS } from "./secret-patterns.ts";

export const DETECTED_KINDS = ["key", "email", "iban", "card", "national_id", "phone"] as const;
export type DetectedKind = (typeof DETECTED_KINDS)[number];

/** Finds what is of its kind in a text, and puts what `placeholder` gives in its place. */
export interface Detector {
  kind: DetectedKind;
  replace(text: string, placeholder: (found: string) => string): string;
}

/** In the order in which they look: what is longer and surer first. @param countries whose way of writing phone numbers without `+` is known. */
export function createDetectors(libraries: Libraries, countries: readonly string[]): Detector[] {
  return [keys, emails, ibans(libraries), cards(libraries), nationalIds(libraries), phones(libraries, countries)];
}

const keys: Detector = {
  kind: "key",
  replace(text, placeholder) {
    const told = TOLD_SECRET_PATTERNS.reduce(
      (rest, pattern) =>
        rest.replace(pattern, (whole: string, before: string, secret: string) =>
          PLACEHOLDER.test(secret) ? whole : before + placeholder(secret),
        ),
      SECRET_PATTERNS.reduce((rest, pattern) => rest.replace(pattern, placeholder), text),
    );
    return told;
  },
};
const PLACEHOLDER = /^\[?[a-z_]+:[a-p]{10}/;

/** As people write them, which is less than RFC 5321 allows; in other scripts and in URLs too. */
const EMAIL = /[\p{L}\p{N}._%+'-]{1,64}(?:@|%40)(?:[\p{L}\p{N}-]{1,63}\.){1,8}[\p{L}][\p{L}\p{N}-]{1,62}/gu;
const emails: Detector = {
  kind: "email",
  replace: (text, placeholder) => (/@|%40/.test(text) ? text.replace(EMAIL, placeholder) : text),
};

const IBAN = /\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,30}/gi;
function ibans({ isIBAN }: Libraries): Detector {
  return {
    kind: "iban",
    replace: (text, placeholder) =>
      text.replace(IBAN, (found) => {
        // Words may follow it; its country's length and its check digits say where it ends.
        for (let end = found.length; end >= 15; end--) {
          const candidate = found.slice(0, end);
          if (/[ -]$/.test(candidate)) continue;
          if (isIBAN(candidate.replace(/[ -]/g, ""))) return placeholder(candidate) + found.slice(end);
        }
        return found;
      }),
  };
}

const CARD = /(?<![\d.])\d(?:[ -]?\d){12,18}(?!\d)/g;
function cards({ isCreditCard }: Libraries): Detector {
  return {
    kind: "card",
    replace: (text, placeholder) =>
      text.replace(CARD, (found) => (isCreditCard(found.replace(/[ -]/g, "")) ? placeholder(found) : found)),
  };
}

function nationalIds({ isTaxID }: Libraries): Detector {
  const checked: [RegExp, (text: string) => boolean][] = [
    // US SSN. Source: https://www.ssa.gov/employer/randomization.html
    [/(?<![\d-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])/g, () => true],
    // UK NINO. Source: https://www.gov.uk/hmrc-internal-manuals/national-insurance-manual/nim39110
    [/\b(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b/gi, () => true],
    // FR NIR, with its key.
    [/(?<!\d)[12] ?\d{2} ?\d{2} ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}(?!\d)/gi, isNir],
    // DE Steuer-Identifikationsnummer
    [/(?<![\d.])[1-9]\d ?\d{3} ?\d{3} ?\d{3}(?!\d)/g, (text) => isTaxID(text.replaceAll(" ", ""), "de-DE")],
    // ES NIF and NIE, IT codice fiscale
    [/\b[XYZ\d]\d{7}-?[A-Z]\b/gi, (text) => isTaxID(text.replace("-", ""), "es-ES")],
    [/\b[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]\b/gi, (text) => isTaxID(text.toUpperCase(), "it-IT")],
  ];
  return {
    kind: "national_id",
    replace: (text, placeholder) =>
      checked.reduce(
        (rest, [pattern, isOne]) => rest.replace(pattern, (found) => (isOne(found) ? placeholder(found) : found)),
        text,
      ),
  };
}

/** Source: https://www.insee.fr/fr/metadonnees/definition/c1409 – the key is 97 less the number modulo 97; Corsica's letters count as 19 and 18. */
function isNir(text: string): boolean {
  const digits = text.replaceAll(" ", "").toUpperCase().replace("2A", "19").replace("2B", "18");
  return 97 - Number(BigInt(digits.slice(0, 13)) % 97n) === Number(digits.slice(13));
}

/** Digits with what is written between those of a number, as libphonenumber has it (`VALID_PUNCTUATION`); what else it finds hangs on one of these. */
const DIGIT_RUN =
  /\d[\d\s()[\].\-/~\u00AD\u200B\u2010-\u2015\u2053\u2060\u2212\u223C\u3000\u30FC\uFF08\uFF09\uFF0D-\uFF0F\uFF3B\uFF3D\uFF5E]{5,}\d/g;
/** Before the digits at most two of `+([` with four characters after each; behind them an extension. */
const BEFORE_CHARS = 12;
const EXTENSION_CHARS = 48;
const EXTENSION_BEGINS = /[,;#\uFF03~\uFF5Ex\uFF58]|int|\uFF49\uFF4E\uFF54|\u0434\u043E\u0431|anexo/i;
/** What tells a time of day from a number: `:30`. */
const SUFFIX_CHARS = 4;
/** Of a number with its country's code: ITU-T E.164 has no bound below, and nobody has less. */
const MIN_DIGITS_WITH_PLUS = 5;

interface NumberWay {
  defaultCountry?: CountryCode;
  minDigits: number;
}

function phones({ findPhoneNumbersInText, Metadata }: Libraries, countries: readonly string[]): Detector {
  const minDigitsOf = (country: CountryCode): number => {
    const metadata = new Metadata();
    metadata.selectNumberingPlan(country);
    return Math.min(...(metadata.numberingPlan?.possibleLengths() ?? []));
  };
  const ways: NumberWay[] = [
    { minDigits: MIN_DIGITS_WITH_PLUS },
    ...countries
      .map((country) => country as CountryCode)
      .map((one) => ({ defaultCountry: one, minDigits: minDigitsOf(one) })),
  ];
  return {
    kind: "phone",
    replace: (text, placeholder) =>
      ways.reduce((rest, { minDigits, ...way }) => {
        const isNational = way.defaultCountry !== undefined;
        let result = rest;
        // From the end, so that what stands before keeps its place.
        for (const { from, to } of placesOfNumbers(rest, minDigits, isNational).toReversed()) {
          const found = findPhoneNumbersInText(rest.slice(from, to), { ...way, extended: true } as { extended: true });
          for (const { startsAt, endsAt } of found.toReversed()) {
            const number = rest.slice(from + startsAt, from + endsAt);
            // Bare digits are mostly somebody's order number.
            if (isNational && /^\d{7}/.test(number)) continue;
            result = result.slice(0, from + startsAt) + placeholder(number) + result.slice(from + endsAt);
          }
        }
        return result;
      }, text),
  };
}

/** Where numbers may be: the library takes a tenth of a millisecond and more for all that looks a little like one. */
function placesOfNumbers(text: string, minDigits: number, isNational: boolean): { from: number; to: number }[] {
  const places: { from: number; to: number }[] = [];
  for (const { index, 0: run } of text.matchAll(DIGIT_RUN)) {
    if (run.replace(/\D/g, "").length < minDigits) continue;
    let from = Math.max(0, index - BEFORE_CHARS);
    if (!isNational && !/[+\uFF0B]/.test(text.slice(from, index))) continue;
    // What is cut off a number's beginning or end is another number.
    while (/^\d\d/.test(text.slice(from - 1, from + 1))) from++;
    const end = index + run.length;
    const isExtended = EXTENSION_BEGINS.test(text.slice(end, end + BEFORE_CHARS));
    let to = Math.min(text.length, end + (isExtended ? EXTENSION_CHARS : SUFFIX_CHARS));
    while (/^\d\d/.test(text.slice(to - 1, to + 1))) to++;
    const last = places.at(-1);
    if (last !== undefined && from <= last.to) last.to = to;
    else places.push({ from, to });
  }
  return places;
}
