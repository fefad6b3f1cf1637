import { createRequire } from "node:module";
import type { findPhoneNumbersInText } from "libphonenumber-js";
import type { isCreditCard, isIBAN, isTaxID } from "validator";

/** What knows check digits and numbering plans better than a pattern. */
export interface Libraries {
  isCreditCard: typeof isCreditCard;
  isIBAN: typeof isIBAN;
  isTaxID: typeof isTaxID;
  findPhoneNumbersInText: typeof findPhoneNumbersInText;
}

/** Optional peers: megabytes that only those load who have content redacted. @throws Error that says what to install. */
export function loadLibraries(): Libraries {
  const load = createRequire(import.meta.url);
  try {
    const { findPhoneNumbersInText } = load("libphonenumber-js/min") as Pick<Libraries, "findPhoneNumbersInText">;
    const [isCreditCard, isIBAN, isTaxID] = ["isCreditCard", "isIBAN", "isTaxID"].map(
      (name) => (load(`validator/lib/${name}`) as { default: unknown }).default,
    ) as [Libraries["isCreditCard"], Libraries["isIBAN"], Libraries["isTaxID"]];
    return { isCreditCard, isIBAN, isTaxID, findPhoneNumbersInText };
  } catch (cause) {
    throw new Error(
      'runledger: content "redacted" and "hashes" need detectors: npm install validator libphonenumber-js',
      { cause },
    );
  }
}
