import { parameterLists, type Rows } from "@runledger/storage";
import { TOLD_COLUMNS, type ToldCall } from "./alike.ts";
import type { IndexedCall } from "./model-call-index.ts";
import { withNumbers } from "./step-fact.ts";

/** What is told of these calls, in their order, without those that are not there. */
export type TellCalls = (calls: readonly IndexedCall[]) => Promise<ToldCall[]>;

/** Each is read once. */
export function createTellCalls(rows: Rows, tenant: string): TellCalls {
  const known = new Map<string, ToldCall>();
  return async (calls) => {
    const unknown = calls.filter(({ record_id }) => !known.has(record_id));
    for (const call of await toldCalls(rows, tenant, unknown)) known.set(call.record_id, call);
    return calls.flatMap(({ record_id }) => known.get(record_id) ?? []);
  };
}

async function toldCalls(rows: Rows, tenant: string, calls: readonly IndexedCall[]): Promise<ToldCall[]> {
  const received = calls.map(({ received_time }) => received_time).sort();
  const byId = new Map(calls.map((call) => [call.record_id, call]));
  const found: ToldCall[] = [];
  for (const record_ids of parameterLists(byId.keys())) {
    const told = await rows.query<ToldCall>(
      `SELECT ${TOLD_COLUMNS.join(", ")} FROM steps
       WHERE tenant = {tenant:String} AND run_id IN {run_ids:Array(String)} AND record_id IN {record_ids:Array(String)}
         AND received_time BETWEEN parseDateTime64BestEffort({first:String}, 9, 'UTC') AND parseDateTime64BestEffort({last:String}, 9, 'UTC')`,
      {
        tenant,
        run_ids: [...new Set(record_ids.map((id) => byId.get(id)?.run_id ?? ""))],
        record_ids,
        first: received[0] ?? "",
        last: received.at(-1) ?? "",
      },
    );
    found.push(...told.map(withNumbers));
  }
  return found;
}
