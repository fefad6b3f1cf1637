import { type ErasureAnswer, type ErasureTarget, erasure as shownErasure } from "@runledger/contract";
import { z } from "zod";

const kept = z.strictObject({
  ...shownErasure.omit({ subject: true, keys: true }).shape,
  tenant: z.string(),
  subject: z.union([
    z.strictObject({ kind: z.literal("user"), pseudonym: z.string() }),
    z.strictObject({ kind: z.literal("run"), run_id: z.string() }),
  ]),
  /** The person's id, as long as rows of theirs may still come out of the journal; then null, as the runs are []. */
  user_id: z.string().nullable(),
  run_ids: z.array(z.string()),
  rows_settled: z.boolean(),
  /** Who asked, to be named by acts that are recorded later. */
  actor: z.strictObject({ key_id: z.string().nullable(), roles: z.array(z.string()) }),
  /** Each log's size when it was asked for, by shard: its acts come after, in the log of whoever goes on with it. */
  log_sizes: z.record(z.string(), z.number().int().nonnegative()),
  /** Keys named by acts that are in the log; also those that the next act names, where one is being recorded. */
  key_ids: z.array(z.string()),
  /** Rows received until then are erased, as of its last act; `requested_time` as long as that is not in the log. */
  received_until: z.string(),
});

/** An erasure on its way, as far as it is durable: whoever finds it goes on from there. Older versions knew the size of one log alone. */
export const keptErasure = z.preprocess(
  (given) => (isOlder(given) ? { log_sizes: {}, ...omitSize(given) } : given),
  kept,
);
export type KeptErasure = z.infer<typeof keptErasure>;

function isOlder(given: unknown): given is { log_size: unknown } {
  return typeof given === "object" && given !== null && "log_size" in given;
}

function omitSize({ log_size, ...rest }: { log_size: unknown }): object {
  return rest;
}

/** An act's target may have 30 KB, of which its keys take up to 21. */
const MAX_SIZES_CHARS = 6_000;

/** @param logSizes when all that is known of the subject is in the logs; of very many they are left out */
export function targetOf(
  { erasure_id, subject }: KeptErasure,
  keyIds: string[],
  logSizes: Record<string, number>,
): ErasureTarget {
  const sizes = JSON.stringify(logSizes).length > MAX_SIZES_CHARS ? {} : { log_sizes: logSizes };
  return { erasure_id, subject, key_ids: keyIds, ...sizes };
}

export function answerOf({ subject, key_ids, ...rest }: KeptErasure): ErasureAnswer {
  const { erasure_id, state, by, reason, requested_time, done_time, clear_records, log_indexes } = rest;
  return {
    erasure_id,
    subject: subject.kind === "user" ? { user_pseudonym: subject.pseudonym } : { run_id: subject.run_id },
    ...{ state, by, reason, requested_time, done_time },
    keys: key_ids.length,
    clear_records,
    log_indexes,
  };
}
