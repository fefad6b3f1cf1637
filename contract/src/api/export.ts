import { z } from "zod";
import { exportFilter } from "../bundle/manifest.ts";
import { queryTime } from "./run.ts";

const MAX_TEXT_CHARS = 500;
const MAX_SINCE = 1_000;
const count = z.number().int().nonnegative();
const words = z.string().trim().min(1).max(MAX_TEXT_CHARS);

/** pending: waits for another · running · done: its bundle can be fetched until `expires_time` · failed: `error` tells why · expired: the bundle was deleted. */
export const EXPORT_STATES = ["pending", "running", "done", "failed", "expired"] as const;

/** What is asked for. Without a filter: the whole log. `since` and `until` alone: that time, nothing left out. With others: runs, and what was done about them. */
export const exportRequest = z.strictObject({
  filter: exportFilter.extend({ since: queryTime.optional(), until: queryTime.optional() }).default({}),
  recipient: words.describe("who gets it: recorded in the log"),
  reason: words.describe("why: recorded in the log"),
  content: z.boolean().default(true).describe("false: facts and hashes only, no prompts, arguments or results"),
  shard: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/)
    .optional()
    .describe("one log alone, where collectors write several; without it the bundle is of all"),
  since_checkpoint: count
    .optional()
    .describe("size of a checkpoint that the recipient kept, so that the bundle, of one log, can be compared with it"),
  since_checkpoints: z
    .array(z.strictObject({ origin: words, size: count }))
    .max(MAX_SINCE)
    .optional()
    .describe("the same of any number of logs: first and second line of each checkpoint"),
});
export type ExportRequestBody = z.infer<typeof exportRequest>;

export const exportJob = z.object({
  export_id: z.string(),
  shard: z.string().nullable().describe("the one log that was asked for; null: all"),
  shards: z.array(z.string()).describe("the logs in the bundle"),
  later_entries: count
    .default(0)
    .describe("newer entries of the logs that witnesses had not cosigned yet: left to a later export"),
  state: z.enum(EXPORT_STATES),
  filter: exportFilter,
  recipient: z.string(),
  reason: z.string(),
  content: z.boolean(),
  created_time: z.string(),
  created_by: z.string(),
  finished_time: z.string().nullable(),
  expires_time: z.string().nullable(),
  /** Entries of the logs that were read and that there are; they are read twice: to select, and to write. */
  progress: z
    .object({ stage: z.enum(["selecting", "writing"]), scanned: count, total: count, entries: count, bytes: count })
    .nullable(),
  entries: count.nullable(),
  runs: count.nullable(),
  missing_payloads: count.nullable().describe("contents that were not to be had, though nothing says they were erased"),
  size_bytes: count.nullable(),
  sha256: z.string().nullable().describe("of the bundle"),
  error: z.string().nullable(),
});
export type ExportJob = z.infer<typeof exportJob>;
export const exportList = z.object({ items: z.array(exportJob) });
