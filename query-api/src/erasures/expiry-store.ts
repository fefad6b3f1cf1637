import { statePath } from "@runledger/contract";
import { createStateDocument, type Objects, type StateDocument } from "@runledger/storage";
import { z } from "zod";

/** Months whose keys are expired, or are about to be: recorded in the log already. */
const document = z.strictObject({
  months: z.array(
    z.strictObject({
      /** What the ids of its keys begin with. */
      month: z.string(),
      recorded_time: z.string(),
      /** Whether all is destroyed: not while a hold keeps some. */
      done: z.boolean(),
    }),
  ),
});
export type ExpiryStore = StateDocument<z.infer<typeof document>>;

export function createExpiryStore(objects: Objects): ExpiryStore {
  return createStateDocument(objects, statePath("expiries"), document, { months: [] });
}
