import { statePath } from "@runledger/contract";
import { createStateDocument, type Objects, type StateDocument } from "@runledger/storage";
import { z } from "zod";

/**
 * An erasure, from its act to its end. `recording`: acts are being recorded, or its keys looked for once more · `destroying`: recorded; keys and rows
 * are being destroyed · `done`. A crash leaves it in its state, from which it goes on.
 */
const erasure = z.strictObject({
  erasure_id: z.string(),
  tenant: z.string(),
  subject: z.union([
    z.strictObject({ kind: z.literal("user"), pseudonym: z.string() }),
    z.strictObject({ kind: z.literal("run"), run_id: z.string() }),
  ]),
  /** The person's id, as long as rows of theirs may still come out of the journal; then null. */
  user_id: z.string().nullable(),
  run_ids: z.array(z.string()),
  state: z.enum(["recording", "destroying", "done"]),
  by: z.string(),
  key_id: z.string().nullable(),
  roles: z.array(z.string()),
  reason: z.string(),
  requested_time: z.string(),
  done_time: z.string().nullable(),
  /** Keys named by acts that are in the log, and where those stand. */
  key_ids: z.array(z.string()),
  log_indexes: z.array(z.number().int().nonnegative()),
  /** Rows received until then are erased. */
  received_until: z.string(),
});
export type Erasure = z.infer<typeof erasure>;

const document = z.strictObject({ erasures: z.array(erasure) });
export type ErasureStore = StateDocument<z.infer<typeof document>>;

export function createErasureStore(objects: Objects): ErasureStore {
  return createStateDocument(objects, statePath("erasures"), document, { erasures: [] });
}

/** The erasure that has destroyed the key. */
export async function erasureOfKey(store: ErasureStore, keyId: string): Promise<Erasure | null> {
  const { erasures } = await store.read();
  return erasures.find(({ key_ids }) => key_ids.includes(keyId)) ?? null;
}

export async function changeErasure(store: ErasureStore, changed: Erasure): Promise<void> {
  await store.update(({ erasures }) => ({
    erasures: erasures.some(({ erasure_id }) => erasure_id === changed.erasure_id)
      ? erasures.map((one) => (one.erasure_id === changed.erasure_id ? changed : one))
      : [...erasures, changed],
  }));
}
