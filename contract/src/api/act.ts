import { z } from "zod";
import { actFacts } from "../record/record.ts";
import { apiTime, queryTime } from "./run.ts";

export const MAX_ACTS = 500;

/** What `GET /v1/acts` may be asked for. */
export const listActsQuery = z.strictObject({
  action: z.string().min(1).max(256).optional().describe("`kill`, or with all that follow it: `approval.*`"),
  actor: z.string().min(1).max(1_024).optional().describe("a name or a key id"),
  since: queryTime.optional().describe("received at or after"),
  until: queryTime.optional().describe("received before"),
  limit: z.coerce.number().int().min(1).max(MAX_ACTS).default(50),
  cursor: z.string().optional(),
});

/** Somebody's act, as an entry of the log tells it. */
export const listedAct = z.object({
  ...actFacts.shape,
  /** By the collector's clock. */
  time: apiTime,
  record_id: z.string(),
  /** The log that has it, and where: `GET /v1/audit/proof?record_id=` proves it. */
  shard: z.string(),
  log_index: z.number().int().nonnegative(),
});
export type ListedAct = z.infer<typeof listedAct>;
export const actList = z.object({ items: z.array(listedAct), next_cursor: z.string().nullable() });
export type ActList = z.infer<typeof actList>;
