import type { ControlState } from "@runledger/contract";
import type { Versioned, WatchedDocument } from "@runledger/storage";
import type { ApprovalState } from "../approvals/approval-book.ts";
import { QueryApiError } from "../error.ts";
import { hasShare } from "../state/tenant-share.ts";
import { type Asker, createControlAnswers, isSameAnswer, soonestExpiryMs, versionsOf } from "./control-answer.ts";
import type { KillState } from "./kill-book.ts";

/** What is older is asked for again before it is answered … */
const FRESH_MS = 500;
/** … and past this not answered at all while the store is away: who can't tell must say so. */
const MAX_STALE_MS = 10_000;

export interface ControlQuestion extends Asker {
  /** Of the last answer; undefined asks for the state as it is. */
  cursor: string | undefined;
  waitMs: number;
}

/** Where agents wait for what concerns them. Who waits costs a socket, a timer, and a look at each change. */
export interface WaitingRoom {
  /** Resolves at once when the answer is another than the asker's last one, else when it becomes so or the wait is over. @throws QueryApiError `unavailable`. */
  answer(question: ControlQuestion, gone: AbortSignal): Promise<ControlState>;
  size(): number;
  /** Sends everybody away, to come again. */
  close(): void;
}

export interface WaitingRoomDependencies {
  kills: WatchedDocument<KillState>;
  approvals: WatchedDocument<ApprovalState>;
  clock: () => number;
  /** In [0, 1). */
  random: () => number;
}

export function createWaitingRoom(dependencies: WaitingRoomDependencies, maxWaiters: number): WaitingRoom {
  const { kills, approvals, clock, random } = dependencies;
  const answerFrom = createControlAnswers();
  const waiters = new Set<Waiter>();
  const waitersOf = new Map<string, number>();
  let closed = false;

  function stateFor(question: Asker): ControlState {
    const states = { kills: stateOf(kills, clock()), approvals: stateOf(approvals, clock()) };
    return answerFrom(states, question, clock());
  }

  async function wait(question: ControlQuestion, gone: AbortSignal): Promise<ControlState> {
    const { tenant } = question;
    const ofTenant = waitersOf.get(tenant) ?? 0;
    if (!hasShare(ofTenant, waiters.size, maxWaiters))
      throw away(`${ofTenant} agents wait here, which is this tenant's share`);
    const waiter = createWaiter(question, { clock, stateFor, expiryMs: () => expiryMs(question) }, random());
    const leave = () => waiter.end(away("the asker has gone"));
    const ends = [kills.subscribe(waiter.look), approvals.subscribe(waiter.look)];
    gone.addEventListener("abort", leave, { once: true });
    waiters.add(waiter);
    waitersOf.set(tenant, ofTenant + 1);
    try {
      return await waiter.answer;
    } finally {
      for (const end of ends) end();
      gone.removeEventListener("abort", leave);
      waiters.delete(waiter);
      const left = (waitersOf.get(tenant) ?? 0) - 1;
      if (left > 0) waitersOf.set(tenant, left);
      else waitersOf.delete(tenant);
    }
  }

  function expiryMs(question: Asker): number {
    return soonestExpiryMs(stateOf(approvals, clock()), question, clock());
  }

  return {
    async answer(question, gone) {
      if (closed) throw away("shutting down");
      const seen = versionsOf(question.cursor);
      await Promise.all([refresh(kills, seen.kills), refresh(approvals, seen.approvals)]);
      const now = stateFor(question);
      const isNews = !isSameAnswer(question.cursor, now.cursor);
      return isNews || question.waitMs === 0 || gone.aborted ? now : await wait(question, gone);
    },
    size: () => waiters.size,
    close() {
      closed = true;
      for (const waiter of waiters) waiter.end(away("shutting down"));
    },
  };
}

interface Waiter {
  answer: Promise<ControlState>;
  /** Answers if there is news. */
  look(): void;
  end(error: Error): void;
}

/** @param spread in [0, 1): those who came together must not come again together. */
function createWaiter(
  question: ControlQuestion,
  {
    clock,
    stateFor,
    expiryMs,
  }: { clock: () => number; stateFor: (asker: Asker) => ControlState; expiryMs: () => number },
  spread: number,
): Waiter {
  const { promise, resolve, reject } = Promise.withResolvers<ControlState>();
  const untilMs = clock() + question.waitMs * (1 - spread / 5);
  let timer: NodeJS.Timeout | undefined;

  function look(isOver: boolean): void {
    clearTimeout(timer);
    try {
      const state = stateFor(question);
      const isDue = isOver || !isSameAnswer(question.cursor, state.cursor);
      if (isDue) resolve(state);
      else timer = setTimeout(() => look(clock() >= untilMs), Math.max(Math.min(untilMs, expiryMs()) - clock(), 1));
    } catch (error) {
      reject(error);
    }
  }
  look(false);
  return {
    answer: promise,
    look: () => look(clock() >= untilMs),
    end(error) {
      clearTimeout(timer);
      reject(error);
    },
  };
}

/** A store that is away is noticed when what is known is too old. */
async function refresh<State extends Versioned>(document: WatchedDocument<State>, minVersion: number): Promise<void> {
  try {
    await document.read({ maxAgeMs: FRESH_MS, minVersion });
  } catch (error) {
    if (document.known() === null) throw error;
  }
}

function stateOf<State extends Versioned>(document: WatchedDocument<State>, nowMs: number): State {
  const known = document.known();
  if (known !== null && nowMs - known.readMs < MAX_STALE_MS) return known.state;
  throw away("the store of kills and approvals can't be read");
}

function away(why: string): QueryApiError {
  return new QueryApiError("unavailable", why);
}
