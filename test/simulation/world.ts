import { setImmediate as turnOfTheLoop } from "node:timers/promises";

/** A process on a machine: what it waits for never comes when it is dead. */
export interface Life {
  alive: boolean;
}

/**
 * All that happens in a simulated world, one thing at a time, in an order that a seed decides. Whoever reads or writes a disk, calls the store or
 * waits asks for a turn; between two turns everything runs as far as it can.
 */
export interface World {
  random(): number;
  /** True so often. */
  chance(probability: number): boolean;
  below(limit: number): number;
  /** Resolves in its turn; never, when the life has ended by then. */
  turn(life: Life): Promise<void>;
  /** Happens some time. */
  later(happen: () => void): void;
  /** Nanoseconds since the epoch, as far as this clock is right. */
  now(): bigint;
  /** Lets things happen, each time after `before` was asked, until it says so. */
  run(before: () => "go on" | "end"): Promise<void>;
  /** From now on turns are given at once. */
  calm(): void;
  /** How many things have happened. */
  readonly steps: number;
}

export function createWorld(random: () => number): World {
  const waiting: (() => void)[] = [];
  let [isCalm, steps, now] = [false, 0, 1_800_000_000_000_000_000n];
  const below = (limit: number): number => Math.floor(random() * limit);
  return {
    random,
    chance: (probability) => random() < probability,
    below,
    turn: (life) =>
      isCalm
        ? Promise.resolve()
        : new Promise((resolve) => {
            waiting.push(() => {
              if (life.alive) resolve();
            });
          }),
    later: (happen) => void waiting.push(happen),
    now: () => {
      // Mostly a little on; sometimes it is set, back too.
      now += random() < 0.02 ? BigInt(below(7_200) - 3_600) * 1_000_000_000n : BigInt(below(5_000_000));
      return now;
    },
    run: async (before) => {
      for (;;) {
        // All is in memory: after a turn of the loop everybody has ended or waits here.
        await turnOfTheLoop();
        if (before() === "end") return;
        const at = below(waiting.length);
        const happen = waiting[at];
        if (happen === undefined) return;
        waiting.splice(at, 1);
        steps++;
        happen();
      }
    },
    calm: () => {
      isCalm = true;
      for (const happen of waiting.splice(0)) happen();
    },
    get steps() {
      return steps;
    },
  };
}
