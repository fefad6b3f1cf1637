import { parameterLists, type Rows } from "@runledger/storage";
import { areAlike, mayBeTogether, type ToldCall } from "./alike.ts";
import { joined } from "./at-once.ts";
import { type Asked, callsNear, type IndexedCall } from "./model-call-index.ts";
import { createTellCalls } from "./told-calls.ts";

/** Whose a run is, as far as it tells; "" when it does not. */
export interface Who {
  agent: string;
  session: string;
  user: string;
}

export interface AlikeCall extends ToldCall {
  who: Who;
  /** Calls of one group may be one another; none of them may be one outside of it. */
  group: string;
}

/** By record id: model calls that another instrumentation may have told of, without the answer's id, in another run. */
export type AlikeCalls = ReadonlyMap<string, AlikeCall>;

const NOBODY: Who = { agent: "", session: "", user: "" };

/** Asks ClickHouse which model calls other sources tell of that may be these, when one of both does not know the id of its answer. */
export async function callsAlike(rows: Rows, tenant: string, facts: readonly Asked[]): Promise<AlikeCalls> {
  const tell = createTellCalls(rows, tenant);
  const lists = await callsNear(rows, tenant, facts, tell);
  if (lists.length === 0) return new Map();
  const near = lists.flat();
  const [told, who] = await Promise.all([tell(near), whoOf(rows, tenant, near)]);
  const byId = new Map(told.map((call) => [call.record_id, call]));
  const together = lists.map((calls) => calls.flatMap(({ record_id }) => byId.get(record_id) ?? []));
  return groupedAlike(together, new Set(facts.map(({ record_id }) => record_id)), who);
}

/** Of these calls, those that may be one of `asked`, or the same as one that may. `together`: lists of those that are compared, a call in any number of them. */
export function groupedAlike(
  together: readonly (readonly ToldCall[])[],
  asked: ReadonlySet<string>,
  who: ReadonlyMap<string, Who>,
): AlikeCalls {
  const found = new Map<string, AlikeCall>();
  for (const calls of groupsOf(together)) {
    if (!calls.some(({ record_id }) => asked.has(record_id))) continue;
    if (!calls.some((one) => calls.some((other) => areAlike(one, other)))) continue;
    const group = calls.map(({ record_id }) => record_id).sort()[0] ?? "";
    for (const call of calls) found.set(call.record_id, { ...call, group, who: who.get(call.run_id) ?? NOBODY });
  }
  return found;
}

async function whoOf(rows: Rows, tenant: string, near: readonly IndexedCall[]): Promise<Map<string, Who>> {
  const who = new Map<string, Who>();
  for (const run_ids of parameterLists(new Set(near.map(({ run_id }) => run_id)))) {
    const told = await rows.query<Who & { run_id: string }>(
      `SELECT run_id, min(runs.agent).name AS agent, min(runs.session_id).value AS session, min(runs.user_id).value AS user
       FROM runs WHERE tenant = {tenant:String} AND run_id IN {run_ids:Array(String)} GROUP BY run_id`,
      { tenant, run_ids },
    );
    for (const { run_id, agent, session, user } of told) who.set(run_id, { agent, session, user });
  }
  return who;
}

/** Calls that are alike directly or by way of others are a group; those of one run at one moment may be one call, so they are in one. */
function groupsOf(together: readonly (readonly ToldCall[])[]): ToldCall[][] {
  const groupOf = new Map<ToldCall, ToldCall[]>();
  for (const calls of together) {
    for (const [n, call] of calls.entries()) {
      let group = groupOf.get(call) ?? [call];
      groupOf.set(call, group);
      for (const other of calls.slice(0, n)) {
        const others = groupOf.get(other) ?? [other];
        if (others !== group && mayBeTogether(other, call)) group = joined(group, others, groupOf);
      }
    }
  }
  return [...new Set(groupOf.values())];
}
