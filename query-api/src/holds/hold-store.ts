import { hold, statePath } from "@runledger/contract";
import { createStateDocument, type Objects, type StateDocument } from "@runledger/storage";
import { z } from "zod";

const heldBack = z.strictObject({ ...hold.shape, tenant: z.string() });
export type KeptHold = z.infer<typeof heldBack>;
const document = z.strictObject({
  holds: z.array(heldBack),
  /** Destructions that no hold stops any more (`destruction-claim.ts`); left out when there is none, so that older versions can read it. */
  destroying: z.array(z.strictObject({ id: z.string(), tenant: z.string().nullable() })).optional(),
});
export type HoldStore = StateDocument<z.infer<typeof document>>;

/** The holds in force, of all tenants. A lifted one is gone; the log has the acts. */
export function createHoldStore(objects: Objects): HoldStore {
  return createStateDocument(objects, statePath("holds"), document, { holds: [] });
}
