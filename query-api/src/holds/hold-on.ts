import { erasedUserLabel, rowName, userSubject } from "@runledger/contract";
import { type Keyring, parameterLists, type Rows } from "@runledger/storage";
import { z } from "zod";
import type { HoldStore, KeptHold } from "./hold-store.ts";

const runFacts = z.array(z.object({ agent_name: z.string(), session_id: z.string(), user_id: z.string() }));

/** Whom an erasure is of. */
export interface ErasedSubject {
  tenant: string;
  userId: string | null;
  runIds: readonly string[];
}

/** What tells whose a run is: an erased person's id is a label in rows. */
interface Whose {
  rows: Rows;
  keyring: Pick<Keyring, "pseudonymOf">;
}

/** The hold that keeps these runs, or this person, from being erased; null when there is none. */
export async function holdOn(store: HoldStore, whose: Whose, subject: ErasedSubject): Promise<KeptHold | null> {
  return await holdAmong((await store.read()).holds, whose, subject);
}

/** The same, of these holds. */
export async function holdAmong(
  all: readonly KeptHold[],
  { rows, keyring }: Whose,
  { tenant, userId, runIds }: ErasedSubject,
): Promise<KeptHold | null> {
  const holds = all.filter((hold) => hold.tenant === tenant);
  if (holds.length === 0) return null;
  const runs = new Set(runIds);
  const [agents, sessions, users] = [
    new Set<string>(),
    new Set<string>(),
    new Set(userId === null ? [] : [rowName(userId)]),
  ];
  for (const run_ids of parameterLists(runIds)) {
    const found = await rows.query<object>(
      `SELECT DISTINCT agent_name, session_id, user_id FROM steps
       WHERE tenant = {tenant:String} AND run_id IN {run_ids:Array(String)}`,
      { tenant, run_ids },
    );
    for (const { agent_name, session_id, user_id } of runFacts.parse(found)) {
      agents.add(agent_name);
      sessions.add(session_id);
      users.add(user_id);
    }
  }
  const labelOf = (heldId: string) => erasedUserLabel(keyring.pseudonymOf(userSubject(tenant, heldId)));
  const isHeld = ({ scope }: KeptHold): boolean => {
    if ("all" in scope) return true;
    if ("user_id" in scope) return users.has(rowName(scope.user_id)) || users.has(labelOf(scope.user_id));
    if ("run_id" in scope) return runs.has(scope.run_id);
    return "agent" in scope ? agents.has(rowName(scope.agent)) : sessions.has(rowName(scope.session));
  };
  return holds.find(isHeld) ?? null;
}
