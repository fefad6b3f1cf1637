import { z } from "zod";

const count = z.number().nonnegative();
export const usageSchema = z.object({
  steps: count,
  tokens: count,
  costUsd: count,
  unpricedCalls: count,
  elapsedMs: count,
  toolErrors: count,
  subAgents: count,
});

/** Record id of the last record that was numbered: the next one names it. Absent in what earlier versions kept. */
const last = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .optional();

/** How far a run has come: so many records, so much used. */
export const progressSchema = z.object({ records: z.number().int().nonnegative(), last, used: usageSchema });
export type Progress = z.infer<typeof progressSchema>;

/** What a run is continued from: plain data, to be kept as JSON where the next process finds it. It holds the state, and results of tools. */
export const checkpointSchema = z.object({
  v: z.literal(1),
  id: z.string(),
  runId: z.string().regex(/^[0-9a-f]{32}$/),
  /** The run's own span, and when it began, epoch ms. */
  spanId: z.string().regex(/^[0-9a-f]{16}$/),
  startTime: z.number(),
  agent: z.string(),
  /** Records that the run had made, this checkpoint's included. */
  records: z.number().int().nonnegative(),
  last,
  used: usageSchema,
  state: z.unknown(),
  /** First results by idempotency key. */
  results: z.array(
    z.object({
      tool: z.string(),
      key: z.string(),
      first: z.object({ stepId: z.string(), result: z.unknown() }).optional(),
      failed: z.literal(true).optional(),
    }),
  ),
});
export type Checkpoint = z.infer<typeof checkpointSchema>;
