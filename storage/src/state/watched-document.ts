import type { StateDocument } from "./state-document.ts";

/** A state that counts its changes: the higher version is the newer one, whichever process read it. */
export interface Versioned {
  version: number;
}

export interface Known<State> {
  state: State;
  /** Epoch ms of the last time the store was asked. */
  readMs: number;
}

/** A state document whose changes are told: those of this process at once, those of others within `pollMs`. */
export interface WatchedDocument<State extends Versioned> {
  update(change: (state: State) => State): Promise<State>;
  /** Asks the store unless what is known is younger than `maxAgeMs` and of `minVersion` at least. @throws StorageError. */
  read(question?: { maxAgeMs?: number; minVersion?: number }): Promise<State>;
  known(): Known<State> | null;
  /** The store is asked every `pollMs` while anybody listens. @returns the end of it. */
  subscribe(listener: () => void): () => void;
}

export function createWatchedDocument<State extends Versioned>(
  document: StateDocument<State>,
  { clock, onError }: { clock: () => number; onError: (error: unknown) => void },
  pollMs: number,
): WatchedDocument<State> {
  const listeners = new Set<() => void>();
  let known: Known<State> | null = null;
  let reading: Promise<State> | null = null;
  let timer: NodeJS.Timeout | undefined;

  return {
    async update(change) {
      return accept(await document.update(change), clock());
    },
    async read({ maxAgeMs = 0, minVersion = 0 } = {}) {
      if (known !== null && clock() - known.readMs < maxAgeMs && known.state.version >= minVersion) return known.state;
      return await load();
    },
    known: () => known,
    subscribe(listener) {
      listeners.add(listener);
      if (listeners.size === 1) schedule();
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0) clearTimeout(timer);
      };
    },
  };

  /** One read at a time: thousands who ask at once cost one. */
  function load(): Promise<State> {
    const startedMs = clock();
    reading ??= document
      .read()
      .then((state) => accept(state, startedMs))
      .finally(() => {
        reading = null;
      });
    return reading;
  }

  /** A read that began before a change ended may bring the state before it. */
  function accept(state: State, readMs: number): State {
    const isNewer = known === null || state.version > known.state.version;
    known = { state: known === null || isNewer ? state : known.state, readMs: Math.max(readMs, known?.readMs ?? 0) };
    if (isNewer) for (const listener of listeners) listener();
    return known.state;
  }

  function schedule(): void {
    timer = setTimeout(async () => {
      try {
        await load();
      } catch (error) {
        onError(error);
      }
      if (listeners.size > 0) schedule();
    }, pollMs).unref();
  }
}
