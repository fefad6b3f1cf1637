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

const MAYBE_PHONE = /\+?\(?\d[\d\s().\-/]{5,}\d/;
function phones({ findPhoneNumbersInText }: Libraries, countries: readonly string[]): Detector {
  const ways = [{}, ...countries.map((country) => ({ defaultCountry: country as CountryCode }))];
  return {
    kind: "phone",
    replace(text, placeholder) {
      let rest = text;
      for (const way of ways) {
        if (!MAYBE_PHONE.test(rest)) return rest;
        const isNational = "defaultCountry" in way;
        if (!isNational && !rest.includes("+")) continue;
        const found = findPhoneNumbersInText(rest, { ...way, extended: true } as { extended: true });
        for (const { startsAt, endsAt } of found.toReversed()) {
          const number = rest.slice(startsAt, endsAt);
          // Bare digits are mostly somebody's order number.
          if (isNational && /^\d{7}/.test(number)) continue;
          rest = rest.slice(0, startsAt) + placeholder(number) + rest.slice(endsAt);
        }
      }
      return rest;
    },
  };
}
