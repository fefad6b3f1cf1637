import { createHash } from "node:crypto";
import { type ControlState, canonicalJson, type Kill } from "@runledger/contract";
import { type ApprovalState, decisionAt, isPending } from "../approvals/approval-book.ts";
import { inForce, type KillState, shownKill } from "./kill-book.ts";

/** Versions of both documents, which tell an API that knows less to look again; and a hash of the answer, which tells two answers apart. */
const CURSOR = /^(\d{1,15})\.(\d{1,15})\.([0-9a-f]{16})$/;
const HASH_CHARS = 16;

export interface ControlStates {
  kills: KillState;
  approvals: ApprovalState;
}

/** Who asks, and the requests for approval that it waits for. */
export interface Asker {
  tenant: string;
  approvalIds: readonly string[];
}

/** Makes the answers; what all askers of a tenant share is made once a change. */
export function createControlAnswers(): (states: ControlStates, asker: Asker, nowMs: number) => ControlState {
  let madeFor: KillState | null = null;
  let ofTenant = new Map<string, { kills: Kill[]; hash: string }>();

  function killsOf(state: KillState, tenant: string): { kills: Kill[]; hash: string } {
    if (state !== madeFor) [madeFor, ofTenant] = [state, new Map()];
    let made = ofTenant.get(tenant);
    if (made === undefined) {
      const kills = inForce(state, tenant).map(shownKill);
      made = { kills, hash: hashOf(canonicalJson(kills.map(({ kill_id }) => kill_id))) };
      ofTenant.set(tenant, made);
    }
    return made;
  }

  return ({ kills: killState, approvals: approvalState }, { tenant, approvalIds }, nowMs) => {
    const { kills, hash } = killsOf(killState, tenant);
    const approvals = awaited(approvalState, { tenant, approvalIds }).flatMap((one) => decisionAt(one, nowMs) ?? []);
    const whole = hashOf(hash + canonicalJson(approvals));
    return { cursor: `${killState.version}.${approvalState.version}.${whole}`, kills, approvals };
  };
}

export function isSameAnswer(cursor: string | undefined, other: string): boolean {
  const hash = CURSOR.exec(cursor ?? "")?.[3];
  return hash !== undefined && hash === CURSOR.exec(other)?.[3];
}

/** What whoever made the cursor has seen. */
export function versionsOf(cursor: string | undefined): { kills: number; approvals: number } {
  const [, kills = 0, approvals = 0] = CURSOR.exec(cursor ?? "") ?? [];
  return { kills: Number(kills), approvals: Number(approvals) };
}

/** Epoch ms at which the first of the requests expires that the asker waits for. */
export function soonestExpiryMs(state: ApprovalState, asker: Asker, nowMs: number): number {
  const times = awaited(state, asker)
    .filter((one) => isPending(one, nowMs))
    .map((one) => Date.parse(one.expires_time));
  return Math.min(Number.POSITIVE_INFINITY, ...times);
}

function awaited(state: ApprovalState, { tenant, approvalIds }: Asker) {
  if (approvalIds.length === 0) return [];
  return state.approvals.filter((one) => one.tenant === tenant && approvalIds.includes(one.approval_id));
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, HASH_CHARS);
}
