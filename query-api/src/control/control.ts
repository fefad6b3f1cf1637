import type { ControlState, Kill, Principal } from "@runledger/contract";
import type { WatchedDocument } from "@runledger/storage";
import type { FastifyBaseLogger } from "fastify";
import type { ActRecorder } from "../acts/act-recorder.ts";
import type { ApprovalState } from "../approvals/approval-book.ts";
import {
  findKill,
  inForce,
  type KeptKill,
  type KillOrder,
  type KillState,
  shownKill,
  withKill,
  withoutKill,
  withRecorded,
} from "./kill-book.ts";
import { type ControlQuestion, createWaitingRoom } from "./waiting-room.ts";

export interface Control {
  /** In force when it resolves; its act follows as soon as it can be recorded. */
  kill(order: Omit<KillOrder, "nowMs">): Promise<{ kill: Kill; isNew: boolean }>;
  /** Recorded first, then lifted. @throws QueryApiError `not_found`. */
  lift(killId: string, principal: Principal, reason: string | null): Promise<Kill>;
  /** The newest first. */
  inForce(tenant: string): Promise<Kill[]>;
  answer(question: ControlQuestion, gone: AbortSignal): Promise<ControlState>;
  waiting(): number;
  /** Ends all waits. */
  sendAway(): void;
  /** Records the acts of kills that are not in the log yet. @throws when the log can't be reached; the rest is tried again. */
  recordDue(): Promise<void>;
}

export interface ControlDependencies {
  kills: WatchedDocument<KillState>;
  approvals: WatchedDocument<ApprovalState>;
  acts: ActRecorder;
  clock: () => number;
  random: () => number;
  logger: FastifyBaseLogger;
}

export function createControl(dependencies: ControlDependencies, settings: { controlMaxWaiters: number }): Control {
  const { kills, acts, clock, logger } = dependencies;
  const recording = new Set<string>();
  const room = createWaitingRoom(dependencies, settings.controlMaxWaiters);

  return {
    async kill(order) {
      let placed: KeptKill | undefined;
      let isNew = false;
      await kills.update((before) => {
        const after = withKill(before, { ...order, nowMs: clock() });
        [placed, isNew] = [after.kill, after.isNew];
        return after.state;
      });
      if (placed === undefined) throw new Error("a state document was updated without asking for the change");
      logger.warn({ kill_id: placed.kill_id, scope: placed.scope, by: placed.by }, "kill in force");
      // Not waited for: who can't be reached must not hold up a kill. What fails is tried again.
      if (isNew) void record(placed).catch((error) => logger.warn({ err: error }, "a kill waits to be recorded"));
      return { kill: shownKill(placed), isNew };
    },
    async lift(killId, principal, reason) {
      const found = findKill(await kills.read(), principal.tenant, killId);
      const target = { kill_id: killId, scope: found.scope };
      await acts.record({ action: "kill.lift", principal, reason, target });
      await kills.update((before) => withoutKill(before, principal.tenant, killId));
      return shownKill(found);
    },
    async inForce(tenant) {
      return inForce(await kills.read(), tenant)
        .map(shownKill)
        .reverse();
    },
    answer: room.answer,
    waiting: room.size,
    sendAway: room.close,
    async recordDue() {
      const due = (await kills.read()).kills.filter((one) => !one.recorded);
      for (const one of due) await record(one);
    },
  };

  /** What waits is kept with the kill itself, so that no crash can lose it; after one it may be recorded twice, under the same kill_id. */
  async function record(one: KeptKill): Promise<void> {
    if (recording.has(one.kill_id)) return;
    recording.add(one.kill_id);
    try {
      await acts.record(actOf(one));
      await kills.update((before) => withRecorded(before, one.kill_id));
    } finally {
      recording.delete(one.kill_id);
    }
  }
}

function actOf({ kill_id, scope, by, actor, tenant, reason, time }: KeptKill) {
  const principal: Principal = {
    keyId: actor.key_id,
    name: by,
    roles: new Set(actor.roles),
    tenant,
    everyTenant: false,
  };
  return { action: "kill", principal, reason, target: { kill_id, scope, time } };
}
