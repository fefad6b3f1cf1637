import { ALERT_ACTIONS, ALERT_RULES, type AlertRule, tenantStatePath } from "@runledger/contract";
import { createStateDocument, type Objects } from "@runledger/storage";
import { z } from "zod";
import { invalidField } from "../error.ts";

export type RuleName = AlertRule["rule"];
export type RulesInForce = ReadonlyMap<RuleName, AlertRule>;

export interface RuleBook {
  inForce(): Promise<RulesInForce>;
  /** @throws QueryApiError naming `threshold` when the rule can't have it. */
  check(change: RuleChange): void;
  /** Durable when it resolves. @throws as `check`. */
  change(change: RuleChange): Promise<AlertRule>;
}

export interface RuleChange {
  rule: RuleName;
  enabled?: boolean | undefined;
  threshold?: number | undefined;
  action?: AlertRule["action"] | undefined;
}

/** Every rule on by default. Thresholds are reached at, not beyond. */
const BUILT_IN: Record<RuleName, Omit<AlertRule, "rule" | "action">> = {
  "loop.repeat": {
    description: "A run calls the same tool with the same arguments again and again",
    enabled: true,
    threshold: 3,
    unit: "calls",
  },
  "limit.steps": { description: "A run takes many steps", enabled: true, threshold: 100, unit: "steps" },
  "limit.tokens": {
    description: "A run reads and writes many tokens",
    enabled: true,
    threshold: 1_000_000,
    unit: "tokens",
  },
  "limit.cost": { description: "A run costs a lot", enabled: true, threshold: 10, unit: "usd" },
  "limit.time": { description: "A run takes long", enabled: true, threshold: 3_600, unit: "seconds" },
  "tool.failure_rate": {
    description: "Of the tool calls of a run whose outcome is known, five at least, too many fail",
    enabled: true,
    threshold: 0.5,
    unit: "share",
  },
  "guardrail.rejections": {
    description: "Guardrails reject what a run does, again and again",
    enabled: true,
    threshold: 3,
    unit: "rejections",
  },
  "tool.unknown": { description: "A run asks for tools that do not exist", enabled: true, threshold: 1, unit: "calls" },
  "tool.invalid_arguments": {
    description: "A run calls tools with arguments that are not of their schema",
    enabled: true,
    threshold: 2,
    unit: "calls",
  },
  "loop.cycle": {
    description: "The last calls of a run go round in circles of two to six different ones",
    enabled: true,
    threshold: 3,
    unit: "rounds",
  },
  "loop.no_progress": {
    description: "A tool gives a run the very same result for other arguments, again and again",
    enabled: true,
    threshold: 5,
    unit: "calls",
  },
  "loop.errors": {
    description: "The last calls of a run all fail, with the same error of the same tool",
    enabled: true,
    threshold: 5,
    unit: "calls",
  },
  "side_effect.unapproved": {
    description: "A run did what can't be undone, and nobody has approved it",
    enabled: true,
    threshold: 1,
    unit: "calls",
  },
  "side_effect.duplicate": {
    description: "A run did the same thing to the world again",
    enabled: true,
    threshold: 2,
    unit: "calls",
  },
  "retry.cascade": {
    description: "The tool calls of a run are tried again many times",
    enabled: true,
    threshold: 10,
    unit: "retries",
  },
  fanout: { description: "A run starts many sub-agents", enabled: true, threshold: 20, unit: "agents" },
};
const MIN_REPEATS = 2;
/** Rules that once means nothing for. */
const REPEATS: ReadonlySet<RuleName> = new Set([
  "loop.repeat",
  "loop.cycle",
  "loop.no_progress",
  "loop.errors",
  "side_effect.duplicate",
]);
const FRACTIONAL_UNITS: ReadonlySet<string> = new Set(["usd", "seconds", "share"]);

const changed = z.partialRecord(
  z.enum(ALERT_RULES),
  z.object({ enabled: z.boolean(), threshold: z.number().positive(), action: z.enum(ALERT_ACTIONS).default("none") }),
);

/** The rules of a tenant and what was changed of them, kept in the object store. */
export function createRuleBook(objects: Objects, tenant: string): RuleBook {
  const document = createStateDocument(objects, tenantStatePath(tenant, "alert-rules"), changed, {});
  return {
    async inForce() {
      const changes = await document.read();
      return new Map(ALERT_RULES.map((rule) => [rule, { rule, ...asBuilt(rule), ...changes[rule] }]));
    },
    check,
    async change({ rule, enabled, threshold, action }) {
      check({ rule, threshold });
      const changes = await document.update((before) => {
        const was = { ...asBuilt(rule), ...before[rule] };
        const is = {
          enabled: enabled ?? was.enabled,
          threshold: threshold ?? was.threshold,
          action: action ?? was.action,
        };
        return { ...before, [rule]: is };
      });
      return { rule, ...asBuilt(rule), ...changes[rule] };
    },
  };
}

function asBuilt(rule: RuleName): Omit<AlertRule, "rule"> {
  return { ...BUILT_IN[rule], action: "none" };
}

function check({ rule, threshold }: RuleChange): void {
  if (threshold === undefined) return;
  const { unit } = BUILT_IN[rule];
  if (!FRACTIONAL_UNITS.has(unit) && !Number.isInteger(threshold)) {
    throw invalidField("threshold", `${rule} counts ${unit}, in whole numbers`);
  }
  if (unit === "share" && threshold > 1) throw invalidField("threshold", `${rule} is a share: at most 1`);
  if (REPEATS.has(rule) && threshold < MIN_REPEATS) {
    throw invalidField("threshold", `a call is repeated when it is made ${MIN_REPEATS} times at least`);
  }
}
