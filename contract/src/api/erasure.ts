import { z } from "zod";

/** Longer ones are named as rows show them (`rowName`). */
const id = z.string().min(1).max(8_192);
/** As it was sent, of any length that a request takes: under the whole of it their contents are sealed. */
const userId = z.string().min(1);
const reason = z.string().trim().min(1, "say why: it is kept in the log").max(1_000);
/** Exactly one of its members. */
const subject = z.union([z.strictObject({ user_id: userId }), z.strictObject({ run_id: id })], {
  error: "either user_id or run_id",
});

export const erasureRequest = z.strictObject({ subject, reason });
export type ErasureRequest = z.infer<typeof erasureRequest>;

/**
 * An erasure: `recording` until the log says what is erased, `destroying` until keys and rows are gone, then `done`. It goes on by itself, also after
 * a crash; asked for again it is the same one.
 */
export const erasure = z.object({
  erasure_id: z.string(),
  /** A person only by pseudonym. */
  subject: z.union([z.object({ user_pseudonym: z.string() }), z.object({ run_id: z.string() })]),
  state: z.enum(["recording", "destroying", "done"]),
  by: z.string(),
  reason: z.string(),
  requested_time: z.string(),
  done_time: z.string().nullable(),
  /** Data keys destroyed, or about to be before it is `done`: what was sealed under them can't be read any more. */
  keys: z.number().int().nonnegative(),
  /** Records of theirs whose content lies in the clear, from before encryption or without it: it stays readable to who has the store. */
  clear_records: z.number().int().nonnegative(),
  /** Entries of the log that say so. */
  log_indexes: z.array(z.number().int().nonnegative()),
});
export type ErasureAnswer = z.infer<typeof erasure>;
export const listErasuresQuery = z.strictObject({
  /** Of those that are done; those under way are all on the first page. */
  limit: z.coerce.number().int().min(1).max(500).default(50),
  cursor: z.string().max(1_024).optional(),
});
export const erasureList = z.object({ items: z.array(erasure), next_cursor: z.string().nullable() });

/** What a legal hold keeps from being erased or expiring: exactly one of these. */
export const holdScope = z.union(
  [
    z.strictObject({ user_id: id }),
    z.strictObject({ run_id: id }),
    z.strictObject({ agent: id }),
    z.strictObject({ session: id }),
    z.strictObject({ all: z.literal(true) }),
  ],
  { error: "one of user_id, run_id, agent, session, or all: true" },
);
export type HoldScope = z.infer<typeof holdScope>;
export const holdRequest = z.strictObject({ scope: holdScope, reason });
export const hold = z.object({
  hold_id: z.string(),
  scope: holdScope,
  reason: z.string(),
  by: z.string(),
  set_time: z.string(),
});
export type Hold = z.infer<typeof hold>;
/** `too_late_for`: erasures (by id) and expiries whose keys were being destroyed when the hold was set; it does not stop them, whether they are of what it names or not. */
export const holdSet = hold.extend({ too_late_for: z.array(z.string()) });
export const holdList = z.object({ items: z.array(hold) });
