import { writeFileSync } from "node:fs";
import { REFERENCE, writeReference } from "./reference.ts";

/** `npm run docs:sdk`. */
writeFileSync(REFERENCE, writeReference());
