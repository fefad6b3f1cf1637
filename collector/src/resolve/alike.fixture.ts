import type { StepRow } from "@runledger/contract";
import { type AlikeCalls, groupedAlike } from "./calls-alike.ts";

/** What ClickHouse would tell of calls like these. `agents`: by run id. */
export function alikeOf(rows: readonly StepRow[], agents: Record<string, string> = {}): AlikeCalls {
  const calls = rows.filter(({ llm_counted }) => llm_counted);
  const who = calls.map(({ run_id }) => [run_id, { agent: agents[run_id] ?? "", session: "", user: "" }] as const);
  return groupedAlike([calls], new Set(calls.map(({ record_id }) => record_id)), new Map(who));
}
