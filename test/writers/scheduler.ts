import { setImmediate as turnOfTheLoop } from "node:timers/promises";
import type { JournalCursor, Objects } from "@runledger/storage";

/** Decides which of the waiting actors does its next call: an index below `waiting`. */
export type Choose = (waiting: number) => number;

/** Lets one call happen at a time, in an order that is chosen: every interleaving of actors can be had again. */
export interface Scheduler {
  /** The objects as one actor sees them: each of these calls waits for its turn. */
  objects(actor: number, objects: Objects, calls: readonly (keyof Objects)[]): Objects;
  cursor(actor: number, cursor: JournalCursor): JournalCursor;
  /** Until nobody waits any more. */
  run(choose: Choose): Promise<void>;
}

export const WRITES = ["create", "replace", "compareAndSet", "delete"] as const;
export const CALLS = [...WRITES, "read", "readVersioned"] as const;

export function createScheduler(): Scheduler {
  const waiting = new Map<number, (() => void)[]>();
  const turn = (actor: number): Promise<void> =>
    new Promise((resolve) => {
      waiting.set(actor, [...(waiting.get(actor) ?? []), resolve]);
    });
  return {
    objects: (actor, objects, calls) => {
      const scheduled = { ...objects };
      for (const name of calls) {
        const call = objects[name] as (...all: unknown[]) => Promise<unknown>;
        Object.assign(scheduled, {
          [name]: async (...all: unknown[]) => {
            await turn(actor);
            return await call(...all);
          },
        });
      }
      return scheduled;
    },
    cursor: (actor, cursor) => ({
      load: cursor.load,
      save: async (next) => {
        await turn(actor);
        await cursor.save(next);
      },
    }),
    run: async (choose) => {
      for (;;) {
        // All is in memory: after a turn of the loop everybody has ended or waits here.
        await turnOfTheLoop();
        const actors = [...waiting.keys()].sort();
        const actor = actors[actors.length < 2 ? 0 : choose(actors.length)];
        if (actor === undefined) return;
        const [next, ...rest] = waiting.get(actor) ?? [];
        if (rest.length === 0) waiting.delete(actor);
        else waiting.set(actor, rest);
        next?.();
      }
    },
  };
}

/** Runs `once` with every sequence of choices. @returns how many there were. */
export async function everyOrder(once: (choose: Choose) => Promise<void>): Promise<number> {
  let prefix: { chosen: number; of: number }[] = [];
  for (let runs = 1; ; runs++) {
    const path: { chosen: number; of: number }[] = [];
    await once((of) => {
      const chosen = prefix[path.length]?.chosen ?? 0;
      path.push({ chosen, of });
      return chosen;
    });
    const last = path.findLastIndex(({ chosen, of }) => chosen + 1 < of);
    const turned = path[last];
    if (turned === undefined) return runs;
    prefix = [...path.slice(0, last), { ...turned, chosen: turned.chosen + 1 }];
  }
}

/** A generator of numbers in [0, 1) that gives the same ones for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
