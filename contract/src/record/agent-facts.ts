import { z } from "zod";

const text = z.string();
const count = z.number().int().nonnegative();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/**
 * What only the agent itself can tell, each on records of its kind and absent elsewhere. These are labels and figures, in the clear like names of tools;
 * reasons, states, memories and an artifact's bytes are the step's content (payloads `input`, `output`), which can be sealed and erased.
 */
export const AGENT_FACTS = {
  /** Kind `decision`: what was chosen, out of what; confidence as the agent counts it. Operation `fallback`: what stood in for what had failed. */
  decision: z
    .strictObject({ options: z.array(text), choice: text.nullable(), confidence: z.number().nullable() })
    .optional(),
  /** Kind `guardrail`: whether it let pass what it looked at, by which rule. */
  guardrail: z.strictObject({ passed: z.boolean(), rule: text.nullable(), target: text.nullable() }).optional(),
  /** Kind `approval`: what a person, or a function in a person's place, said to a tool call that asked. */
  approval: z.strictObject({ tool: text.nullable(), approved: z.boolean(), by: text.nullable() }).optional(),
  /** Kind `handoff`, operation `handoff` or `escalate`: to whom. */
  handoff: z.strictObject({ to: text }).optional(),
  /** Kind `state`: a checkpoint's id, or a memory record's and its store. */
  state: z.strictObject({ id: text.nullable(), store: text.nullable() }).optional(),
  /** Kind `state`, operation `store_artifact`: of the bytes themselves. */
  artifact: z.strictObject({ media_type: text, sha256, size_bytes: count }).optional(),
  /** Operation `evaluate`. */
  score: z.strictObject({ value: z.number().nullable(), label: text.nullable() }).optional(),
  /** On `limit` steps, when it stopped the agent, and on the run's end, after all that ran had ended. `running`: calls that were let go before. */
  limit: z.strictObject({ name: text, max: z.number(), reached: z.number(), running: count.nullable() }).optional(),
  /**
   * Of any kind: how the agent's own settings cut the content before it was sent. `redacted`: what was found and replaced. `withheld`: what was not sent,
   * by its attribute, with an HMAC-SHA256 under the agent's content key, so that sameness shows; `failed`: detectors and rules that could not do their work.
   */
  privacy: z
    .strictObject({
      content: z.enum(["redacted", "hashes"]),
      redacted: z.array(z.strictObject({ count, kind: text })),
      withheld: z.array(z.strictObject({ hash: sha256, name: text, size_bytes: count })),
      failed: z.array(text),
    })
    .optional(),
};
export const agentFacts = z.strictObject(AGENT_FACTS);
export type AgentFacts = z.infer<typeof agentFacts>;
export const AGENT_FACT_NAMES = agentFacts.keyof().options;

/** What can be undone: `none` only looks, `reversible` can be taken back, `irreversible` can't. */
export const SIDE_EFFECTS = ["none", "reversible", "irreversible"] as const;
export type SideEffect = (typeof SIDE_EFFECTS)[number];

/** How a tool call was let through, on those that `ledger.tool` made; absent where it does not apply. */
export const TOOL_SAFETY = {
  side_effect: z.enum(SIDE_EFFECTS).optional(),
  /** What it asked for, and on whose behalf. */
  permission: text.optional(),
  principal: text.optional(),
  /** It had to be confirmed: whether it was. */
  confirmed: z.boolean().optional(),
  /** step_id of the call with the same idempotency key whose result this one was given; nothing ran. */
  same_as: text.optional(),
  /** The model was given so many bytes of a larger result; the payload is the whole. */
  cut_to_bytes: count.optional(),
  /** What stands for the result is its fallback. */
  fallback: z.boolean().optional(),
};
export const toolSafety = z.object(TOOL_SAFETY);
export const TOOL_SAFETY_NAMES = toolSafety.keyof().options;
export type ToolSafety = z.infer<typeof toolSafety>;

/** The row's `agent_facts`, which the collector writes and the query API reads. */
export const rowAgentFacts = agentFacts.extend({ tool: toolSafety.optional() });
