import { z } from "zod";

/** The longest time that Node.js timers keep: past it they fire at once. */
export const MAX_TIMER_MS = 2_147_483_647;

const bound = z.number().int().nonnegative().optional();
/** Strict: a bound that is misspelt, or that we don't have, must not look as if it held. */
const limits = z.strictObject({
  /** Model and tool calls, retries included. */
  steps: bound,
  /** Input and output tokens as the models reported them, estimated where a model reports none. */
  tokens: bound,
  /** USD, by the ledger's `price`. */
  costUsd: z.number().nonnegative().optional(),
  /** What becomes of a run with `costUsd` once a call has no known price: "stop" (default) or "continue", its cost unknown and told of. */
  unpriced: z.enum(["stop", "continue"]).optional(),
  /** Milliseconds. Running calls are aborted when they are over. */
  wallMs: bound.refine((ms) => ms === undefined || ms <= MAX_TIMER_MS, `at most ${MAX_TIMER_MS}`),
  /** How often the same tool may be called with the same arguments. */
  repeats: bound,
  /** Tool calls that fail one after the other, a call with its retries being one: after so many nothing more is called. */
  toolErrors: z.number().int().positive().optional(),
  /** Sub-agents started, theirs included. */
  subAgents: bound,
  /** How deep they may nest: 1 lets sub-agents have none of their own. */
  subAgentDepth: bound,
});
/** Hard bounds of one call of a wrapped agent, its sub-agents included. What is left out has no bound. */
export type Limits = z.input<typeof limits>;

/** @throws Error that says each fault; when the agent is wrapped, not when it runs. */
export function checkLimits(agent: string, given: Limits): Limits {
  const parsed = limits.safeParse(given);
  if (!parsed.success) throw new Error(`runledger: bad limits of agent ${agent}\n${z.prettifyError(parsed.error)}`);
  return parsed.data;
}
