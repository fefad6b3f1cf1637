import type { Step, StepList } from "@runledger/contract";

/** What is known of a run's steps so far; a new object with every change. */
export interface StepsState {
  /** In the order of `seq`. */
  steps: Step[];
  /** Every page has been read at least once. */
  loaded: boolean;
  error: Error | null;
}

export interface StepStore {
  subscribe(listener: () => void): () => void;
  state(): StepsState;
  /** A step heard of live; a known one is replaced. */
  add(step: Step): void;
  /** Reads every page, or with `from: "tail"` the last one and what came after it. Failures end up in `state().error`. */
  load(from: "start" | "tail", signal: AbortSignal): Promise<void>;
}

/** Listeners hear of changes at most this often: 100,000 steps come in 100 pages, and each change is a new timeline. */
const NOTIFY_READING_MS = 400;
const NOTIFY_LIVE_MS = 50;

export function createStepStore(fetchPage: (cursor: string, signal: AbortSignal) => Promise<StepList>): StepStore {
  const byRecord = new Map<string, Step>();
  const listeners = new Set<() => void>();
  let state: StepsState = { steps: [], loaded: false, error: null };
  let changed = false;
  let tailCursor = "";
  let gone = new Set<string>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let reading: Promise<void> | null = null;

  const notify = () => {
    clearTimeout(timer);
    timer = undefined;
    if (changed) state = { ...state, steps: [...byRecord.values()].sort((a, b) => a.seq - b.seq) };
    changed = false;
    for (const listener of listeners) listener();
  };
  const publish = (change: Partial<StepsState>, now = false) => {
    state = { ...state, ...change };
    if (now) notify();
    else timer ??= setTimeout(notify, reading === null ? NOTIFY_LIVE_MS : NOTIFY_READING_MS);
  };
  const keep = (steps: Step[]) => {
    for (const step of steps) {
      byRecord.set(step.record_id, step);
      gone.delete(step.record_id);
    }
    changed = true;
    publish({}, state.steps.length === 0);
  };
  const read = async (from: string, signal: AbortSignal) => {
    // An inferred step is not among them any more once its span has come.
    const inferred = [...byRecord.values()].filter((step) => step.shown_by !== null);
    gone = new Set(from === "" ? inferred.map((step) => step.record_id) : []);
    try {
      for (let cursor: string | null = from; cursor !== null; ) {
        const page: StepList = await fetchPage(cursor, signal);
        tailCursor = cursor;
        keep(page.items);
        cursor = page.next_cursor;
      }
      for (const recordId of gone) changed = byRecord.delete(recordId) || changed;
      publish({ loaded: true, error: null }, true);
    } catch (error) {
      if (!signal.aborted) publish({ error: error instanceof Error ? error : new Error(String(error)) }, true);
    }
  };

  return {
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    state: () => state,
    add: (step) => keep([step]),
    async load(from, signal) {
      // One reader at a time; whoever comes second waits and then reads what it still needs.
      while (reading !== null) await reading;
      if (signal.aborted) return;
      reading = read(from === "tail" ? tailCursor : "", signal).finally(() => {
        reading = null;
      });
      await reading;
    },
  };
}
