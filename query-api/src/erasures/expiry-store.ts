import { statePath } from "@runledger/contract";
import { createStateDocument, type Objects, type StateDocument } from "@runledger/storage";
import { z } from "zod";

/** Months whose keys are expired: recorded in the log, destroyed or about to be. */
const document = z.strictObject({
  /** `month`: what the ids of its keys begin with. */
  months: z.array(z.strictObject({ month: z.string(), recorded_time: z.string() })),
});
export type ExpiryStore = StateDocument<z.infer<typeof document>>;

export function createExpiryStore(objects: Objects): ExpiryStore {
  return createStateDocument(objects, statePath("expiries"), document, { months: [] });
}
