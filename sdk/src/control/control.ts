import { type ApprovalDecision, type Kill, type KillTarget, scopeReaches } from "@runledger/contract";
import type { ReachedBound, StopCause } from "../limits/agent-stopped.ts";
import type { ApiClient } from "./api-request.ts";
import { createAwaitedDecisions } from "./awaited-decisions.ts";
import { type ControlStanding, createContact } from "./contact.ts";
import { createControlLoop } from "./control-loop.ts";

/** What is known stays fresh for so long after the last run: a busy process refuses its next one at the start, if it must. */
const LINGER_MS = 30_000;

/** Why an agent must not go on. */
export type StopOrder = Exclude<StopCause, ReachedBound>;

/** The kill switch and the answers to requests for approval, as they reach the agents of this process. */
export interface Control {
  /** `stop` is called once at most, at once if it must be, and not any more after the function that is returned was called. */
  watch(target: KillTarget, stop: (order: StopOrder) => void): () => void;
  /** Undefined once `signal` aborts; never rejects. Keeps no process alive. */
  decision(approvalId: string, signal: AbortSignal): Promise<ApprovalDecision | undefined>;
  standing(): ControlStanding;
  close(): void;
}

export interface ControlDependencies {
  api: ApiClient;
  /** Milliseconds that never go back. */
  now: () => number;
  random: () => number;
  onFailure: (error: unknown) => void;
  /** Runs work outside of the run that gave rise to it. */
  outside: <T>(work: () => T) => T;
}

export interface ControlSettings {
  onControlLost: "continue" | "stop";
  controlLostAfterMs: number;
}

interface Watched {
  target: KillTarget;
  stop: (order: StopOrder) => void;
}

export function createControl(dependencies: ControlDependencies, settings: ControlSettings): Control {
  const watched = new Set<Watched>();
  const awaited = createAwaitedDecisions();
  const contact = createContact({ now: dependencies.now, onLost }, settings.controlLostAfterMs);
  let kills: readonly Kill[] = [];
  const loop = createControlLoop({
    ...dependencies,
    approvalIds: awaited.askedFor,
    onState(state) {
      contact.heard();
      kills = state.kills;
      state.approvals.forEach(awaited.decided);
      stopThoseReached();
    },
    onFailure(error) {
      contact.failed();
      dependencies.onFailure(error);
    },
  });
  const need = createNeed({ isNeeded: () => watched.size > 0 || !awaited.isEmpty(), begin, end });

  function begin(): void {
    contact.begin();
    dependencies.outside(() => loop.start());
  }
  /** Nothing is asked, so nothing is known. */
  function end(): void {
    loop.stop();
    contact.end();
    kills = [];
  }
  function onLost(): void {
    const words = `the query API can't be reached for ${contact.unreachableMs()} ms: agents ${settings.onControlLost}`;
    dependencies.onFailure(new Error(words));
    stopThoseReached();
  }
  function orderFor(target: KillTarget): StopOrder | undefined {
    const kill = kills.find(({ scope }) => scopeReaches(scope, target));
    if (kill !== undefined) return { kill };
    const mustStop = settings.onControlLost === "stop" && contact.standing() === "lost";
    return mustStop ? { unreachableMs: contact.unreachableMs() } : undefined;
  }
  function stopThoseReached(): void {
    for (const one of watched) {
      const order = orderFor(one.target);
      if (order === undefined) continue;
      watched.delete(one);
      one.stop(order);
    }
    need.changed();
  }

  return {
    watch(target, stop) {
      const one = { target, stop };
      begin(); // also for one that is stopped at once: whether contact is still lost must be found out
      const order = orderFor(target);
      if (order === undefined) watched.add(one);
      else stop(order);
      need.changed();
      return () => {
        if (watched.delete(one)) need.changed();
      };
    },
    async decision(approvalId, signal) {
      const { promise, resolve } = Promise.withResolvers<ApprovalDecision | undefined>();
      const giveUp = () => resolve(undefined);
      awaited.add(approvalId, resolve);
      signal.addEventListener("abort", giveUp, { once: true });
      if (signal.aborted) giveUp();
      need.changed();
      loop.renew();
      const decided = await promise;
      signal.removeEventListener("abort", giveUp);
      awaited.remove(approvalId, resolve);
      need.changed();
      return decided;
    },
    standing: contact.standing,
    close() {
      watched.clear();
      awaited.clear();
      need.close();
      dependencies.api.close();
    },
  };
}

/** Asks while somebody needs it, and for a while after. */
function createNeed({ isNeeded, begin, end }: { isNeeded: () => boolean; begin: () => void; end: () => void }) {
  let lingering: NodeJS.Timeout | undefined;
  return {
    changed() {
      clearTimeout(lingering);
      if (isNeeded()) begin();
      else lingering = setTimeout(end, LINGER_MS).unref();
    },
    close() {
      clearTimeout(lingering);
      end();
    },
  };
}
