import { z } from "zod";

/**
 * The `target` of an act `erasure`. A person is named by the pseudonym that only who has the master key can tell; a run by its id. An erasure of
 * many keys is several acts with one `erasure_id`.
 */
export const erasureTarget = z.object({
  erasure_id: z.string(),
  subject: z.union([
    z.object({ kind: z.literal("user"), pseudonym: z.string() }),
    z.object({ kind: z.literal("run"), run_id: z.string() }),
  ]),
  /** Of the data keys that are destroyed: what was sealed under them can't be read any more. */
  key_ids: z.array(z.string()),
  /** Each log's size just before, by shard: what stands below in another log than the act's was there before it, whatever clocks said. Older acts lack it, and those of very many logs. */
  log_sizes: z.record(z.string(), z.number().int().nonnegative()).optional(),
});
export type ErasureTarget = z.infer<typeof erasureTarget>;

/** The `target` of an act `expiry`: whole months of data keys, each by the three hex digits with which their ids begin. */
export const expiryTarget = z.object({
  class: z.literal("content"),
  retention_days: z.number().int().positive(),
  key_id_prefixes: z.array(z.string()),
});
export type ExpiryTarget = z.infer<typeof expiryTarget>;

/** Stands in derived rows where the erased person's id stood. */
export function erasedUserLabel(pseudonym: string): string {
  return `erased:${pseudonym.slice(0, 12)}`;
}
