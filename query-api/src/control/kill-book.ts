import { createHash } from "node:crypto";
import {
  canonicalJson,
  type Kill,
  type KillScope,
  kill,
  type Principal,
  ROLES,
  rfc3339FromUnixNano,
  statePath,
} from "@runledger/contract";
import { createStateDocument, type Objects, type StateDocument } from "@runledger/storage";
import { z } from "zod";
import type { ErasedWords } from "../approvals/approval-book.ts";
import { QueryApiError } from "../error.ts";
import { whyFull } from "../state/tenant-share.ts";

/** In force at once, of a tenant: agents are told of all of theirs with each change. */
const MAX_KILLS = 1_000;
/** A run that was killed so long ago is over: its kill makes room. */
const RUN_KILL_MAX_AGE_MS = 7 * 24 * 3_600_000;
const NS_PER_MS = 1_000_000n;
const ERASED_REASON = "erased";

const keptKill = kill.extend({
  tenant: z.string(),
  actor: z.object({ key_id: z.string().nullable(), roles: z.array(z.enum(ROLES)) }),
  /** Its act is in the log; until then the kill stays here, lifted or not. */
  recorded: z.boolean(),
  lifted: z.boolean(),
});
export type KeptKill = z.infer<typeof keptKill>;
const killState = z.object({ version: z.number().int(), kills: z.array(keptKill) });
export type KillState = z.infer<typeof killState>;

export function createKillDocument(objects: Objects): StateDocument<KillState> {
  return createStateDocument(objects, statePath("kills"), killState, { version: 0, kills: [] });
}

export interface KillOrder {
  scope: KillScope;
  reason: string;
  principal: Principal;
  nowMs: number;
}

/** The state with the kill in it. Of one scope there is one kill: who kills again gets that one, `isNew` false. @throws QueryApiError when full. */
export function withKill(state: KillState, order: KillOrder): { state: KillState; kill: KeptKill; isNew: boolean } {
  const { scope, reason, principal, nowMs } = order;
  const { tenant } = principal;
  const same = inForce(state, tenant).find((one) => canonicalJson(one.scope) === canonicalJson(scope));
  if (same !== undefined) return { state, kill: same, isNew: false };
  const kept = state.kills.filter((one) => !isOver(one, nowMs));
  const full = whyFull(kept, tenant, MAX_KILLS, "kills are in force");
  if (full !== null) {
    throw new QueryApiError("conflict", full, {
      hint: "lift those that are done with (DELETE /v1/kill/{id}), or kill by agent or task type instead of run by run",
    });
  }
  const version = state.version + 1;
  const added: KeptKill = {
    kill_id: createHash("sha256").update(canonicalJson({ tenant, scope, version, nowMs })).digest("hex").slice(0, 32),
    scope,
    reason,
    by: principal.name,
    time: rfc3339FromUnixNano(BigInt(nowMs) * NS_PER_MS),
    tenant,
    actor: { key_id: principal.keyId, roles: [...principal.roles] },
    recorded: false,
    lifted: false,
  };
  return { state: { version, kills: [...kept, added] }, kill: added, isNew: true };
}

export function inForce(state: KillState, tenant: string): KeptKill[] {
  return state.kills.filter((one) => one.tenant === tenant && !one.lifted);
}

/** The state without it. @throws QueryApiError `not_found`. */
export function withoutKill(state: KillState, tenant: string, killId: string): KillState {
  findKill(state, tenant, killId);
  return changed(state, (one) => (one.kill_id === killId ? { ...one, lifted: true } : one));
}

/** The state in which it is known to be in the log. */
export function withRecorded(state: KillState, killId: string): KillState {
  return changed(state, (one) => (one.kill_id === killId ? { ...one, recorded: true } : one));
}

/** @throws QueryApiError `not_found`: of another tenant's too, which must not be told from one that isn't there. */
export function findKill(state: KillState, tenant: string, killId: string): KeptKill {
  const found = inForce(state, tenant).find((one) => one.kill_id === killId);
  if (found) return found;
  throw new QueryApiError("not_found", `no kill in force has the id ${killId}`, { hint: "GET /v1/kill lists them" });
}

/** As anybody may see it. */
export function shownKill({ kill_id, scope, reason, by, time }: KeptKill): Kill {
  return { kill_id, scope, reason, by, time };
}

/** The state in which kills of these runs, of until the erasure was done, don't say why any more: the log does. What is not recorded yet still must. */
export function withoutReasons(state: KillState, { tenant, runIds, untilMs }: ErasedWords): KillState {
  const isErased = ({ scope, recorded, reason, time, ...one }: KeptKill): boolean =>
    one.tenant === tenant &&
    recorded &&
    reason !== ERASED_REASON &&
    runIds.has(scope.run_id ?? "") &&
    Date.parse(time) <= untilMs;
  return changed(state, (one) => (isErased(one) ? { ...one, reason: ERASED_REASON } : one));
}

function changed(state: KillState, change: (one: KeptKill) => KeptKill): KillState {
  const kills = state.kills.map(change);
  if (kills.every((one, i) => one === state.kills[i])) return state;
  return { version: state.version + 1, kills: kills.filter((one) => !(one.lifted && one.recorded)) };
}

function isOver({ scope, time, recorded }: KeptKill, nowMs: number): boolean {
  return recorded && scope.run_id !== undefined && Date.parse(time) < nowMs - RUN_KILL_MAX_AGE_MS;
}
