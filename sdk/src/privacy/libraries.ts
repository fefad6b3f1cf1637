import { createRequire } from "node:module";
import type { findPhoneNumbersInText, Metadata } from "libphonenumber-js";
import type { isCreditCard, isIBAN, isTaxID } from "validator";

/** What knows check digits and numbering plans better than a pattern. */
export interface Libraries {
  isCreditCard: typeof isCreditCard;
  isIBAN: typeof isIBAN;
  isTaxID: typeof isTaxID;
  findPhoneNumbersInText: typeof findPhoneNumbersInText;
  Metadata: typeof Metadata;
}

const PHONES = "libphonenumber-js/min";
const CHECKED = ["isCreditCard", "isIBAN", "isTaxID"];

/** Optional peers: megabytes that only those load who have content redacted. @throws Error that says what to install. */
export function loadLibraries(): Libraries {
  const load = createRequire(import.meta.url);
  return orMissing(() => {
    const { findPhoneNumbersInText, Metadata } = load(PHONES) as Pick<Libraries, "findPhoneNumbersInText" | "Metadata">;
    const [isCreditCard, isIBAN, isTaxID] = CHECKED.map(
      (name) => (load(`validator/lib/${name}`) as { default: unknown }).default,
    ) as [Libraries["isCreditCard"], Libraries["isIBAN"], Libraries["isTaxID"]];
    return { isCreditCard, isIBAN, isTaxID, findPhoneNumbersInText, Metadata };
  });
}

/** Whether they are there, without loading them. @throws as `loadLibraries` does. */
export function requireLibraries(): void {
  const { resolve } = createRequire(import.meta.url);
  orMissing(() => [PHONES, ...CHECKED.map((name) => `validator/lib/${name}`)].map((name) => resolve(name)));
}

function orMissing<T>(load: () => T): T {
  try {
    return load();
  } catch (cause) {
    throw new Error(
      'runledger: content "redacted" and "hashes" need detectors: npm install validator libphonenumber-js',
      { cause },
    );
  }
}
