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

/** Optional peers: megabytes that only those load who have content redacted. @throws Error that says what to install. */
export function loadLibraries(): Libraries {
  const load = createRequire(import.meta.url);
  try {
    const phones = load("libphonenumber-js/min") as Pick<Libraries, "findPhoneNumbersInText" | "Metadata">;
    const [isCreditCard, isIBAN, isTaxID] = ["isCreditCard", "isIBAN", "isTaxID"].map(
      (name) => (load(`validator/lib/${name}`) as { default: unknown }).default,
    ) as [Libraries["isCreditCard"], Libraries["isIBAN"], Libraries["isTaxID"]];
    return {
      isCreditCard,
      isIBAN,
      isTaxID,
      findPhoneNumbersInText: phones.findPhoneNumbersInText,
      Metadata: phones.Metadata,
    };
  } catch (cause) {
    throw new Error(
      'runledger: content "redacted" and "hashes" need detectors: npm install validator libphonenumber-js',
      { cause },
    );
  }
}
