import { type ControlState, controlState, MAX_CONTROL_APPROVALS } from "@runledger/contract";
import type { ApiClient } from "./api-request.ts";

/** How long the query API may keep a question open, and how much longer we wait for it. */
const WAIT_MS = 25_000;
const GRACE_MS = 5_000;
/** Where not all requests for approval fit into one question, the next ones must not wait long for their turn. */
const TURN_MS = 2_000;
/** Between two questions, whatever is answered: no server makes us ask faster. */
const MIN_GAP_MS = 100;
const RETRY_FIRST_MS = 250;
const RETRY_MAX_MS = 5_000;

export interface ControlLoopDependencies {
  api: ApiClient;
  /** Milliseconds that never go back. */
  now: () => number;
  /** In [0, 1): agents that lost the same API must not come back to it all at once. */
  random: () => number;
  /** The requests for approval that are waited for. */
  approvalIds: () => readonly string[];
  onState: (state: ControlState) => void;
  onFailure: (error: unknown) => void;
}

/** One question after the other to `GET /v1/control`, one open at a time. */
export interface ControlLoop {
  start(): void;
  /** What is asked for has changed: asks anew. */
  renew(): void;
  stop(): void;
}

export function createControlLoop(dependencies: ControlLoopDependencies): ControlLoop {
  const { api, now, random, onState, onFailure } = dependencies;
  let running = false;
  let asking: AbortController | undefined;
  let timer: NodeJS.Timeout | undefined;
  let cursor: string | undefined;
  let failedInRow = 0;
  let askedMs = Number.NEGATIVE_INFINITY;

  function schedule(delayMs: number): void {
    clearTimeout(timer);
    if (!running) return;
    const gapMs = askedMs + MIN_GAP_MS - now();
    timer = setTimeout(() => void askOnce(), Math.max(0, delayMs, gapMs)).unref();
  }

  async function askOnce(): Promise<void> {
    const mine = new AbortController();
    asking = mine;
    askedMs = now();
    try {
      const answer = controlState.parse(await api.ask({ ...question(), signal: mine.signal }));
      if (asking !== mine) return;
      const isNews = answer.cursor !== cursor;
      cursor = answer.cursor;
      onState(answer);
      // Who answers the same again at once does not wait for us, and is asked as rarely as one that fails.
      const isHasty = !isNews && now() - askedMs < TURN_MS / 2;
      failedInRow = isHasty ? failedInRow + 1 : 0;
      schedule(isHasty ? retryDelayMs(failedInRow, random()) : 0);
    } catch (error) {
      if (asking !== mine) return;
      failedInRow++;
      onFailure(error);
      schedule(retryDelayMs(failedInRow, random()));
    }
  }

  function question() {
    const ids = dependencies.approvalIds();
    const waitMs = ids.length < MAX_CONTROL_APPROVALS ? WAIT_MS : TURN_MS;
    const query = new URLSearchParams({ wait_ms: String(waitMs) });
    if (cursor !== undefined) query.set("cursor", cursor);
    for (const id of ids) query.append("approval", id);
    return { method: "GET" as const, path: `/v1/control?${query}`, timeoutMs: WAIT_MS + GRACE_MS };
  }

  function giveUpQuestion(): void {
    const given = asking;
    asking = undefined;
    given?.abort();
  }
  return {
    start() {
      if (running) return;
      running = true;
      cursor = undefined; // what we knew is old: the state as it is, at once
      schedule(0);
    },
    renew() {
      if (!running || failedInRow > 0) return; // the next try asks for it anyway
      giveUpQuestion();
      schedule(0);
    },
    stop() {
      running = false;
      clearTimeout(timer);
      giveUpQuestion();
    },
  };
}

function retryDelayMs(failedInRow: number, random: number): number {
  return Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** (failedInRow - 1)) * (0.5 + random / 2);
}
