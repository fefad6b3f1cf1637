import type { Run } from "@runledger/contract";
import type { Rows } from "@runledger/storage";
import { z } from "zod";
import type { SummarizedRun } from "../runs/run-summaries.ts";
import type { RuleName, RulesInForce } from "./rules.ts";

/** What a rule saw in a run. */
export interface Finding {
  rule: RuleName;
  run: Run;
  value: number;
  threshold: number;
  /** What happened, without what it cost. */
  what: string;
  /** The steps that show it, at most MAX_STEPS_SHOWN, and when the first of all was. */
  stepIds: string[];
  since: string;
}

export const MAX_STEPS_SHOWN = 20;

/** Looks at runs that changed; says again what it has said before. */
export type Detector = (question: DetectorQuestion) => Promise<Finding[]>;

export interface DetectorQuestion {
  rows: Rows;
  tenant: string;
  runs: ReadonlyMap<string, SummarizedRun>;
  rules: RulesInForce;
}

/** The rule when it is on. */
export function ruleIn(rules: RulesInForce, name: RuleName): { threshold: number } | null {
  const rule = rules.get(name);
  return rule?.enabled ? rule : null;
}

/** Parameters that bound a query over `all_steps` to these runs: tenant, run_ids, first_ns, last_ns. */
export function boundsOf({ tenant, runs }: DetectorQuestion): Record<string, unknown> {
  const bounds = [...runs.values()].map(({ received }) => received);
  return {
    tenant,
    run_ids: [...runs.keys()],
    first_ns: ascending(bounds.map(({ firstNs }) => firstNs)).at(0),
    last_ns: ascending(bounds.map(({ lastNs }) => lastNs)).at(-1),
  };
}

/** The condition over `all_steps` that goes with `boundsOf`. */
export const WITHIN_BOUNDS = `tenant = {tenant:String} AND run_id IN {run_ids:Array(String)}
  AND received_time BETWEEN fromUnixTimestamp64Nano({first_ns:Int64}) AND fromUnixTimestamp64Nano({last_ns:Int64})`;

/** And the steps that count: of twins one. */
export const NOT_UNCOUNTED = `record_id NOT IN (SELECT record_id FROM corrections FINAL
  WHERE tenant = {tenant:String} AND run_id IN {run_ids:Array(String)} AND in_force AND what = 'uncounted')`;

/** ClickHouse's text of a DateTime64(9) as RFC 3339. */
export const clickhouseTime = z.string().transform((text) => `${text.replace(" ", "T")}Z`);

function ascending(epochNs: readonly string[]): string[] {
  return epochNs.toSorted((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1));
}
