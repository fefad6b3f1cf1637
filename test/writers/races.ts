import type { NormalizedFrame } from "@runledger/collector";
import { type Objects, StorageError } from "@runledger/storage";
import { expect } from "vitest";
import { frameOf } from "../tamper/sample-log.ts";
import { CALLS, type Choose, createScheduler, everyOrder, type Scheduler, seeded, WRITES } from "./scheduler.ts";
import { type Collector, createCollectors, follow, outcomeOf, spansOf } from "./two-writers.ts";

export interface Races {
  /** Orders or seeds that were run. */
  runs: number;
  /** Collectors that ended as superseded. */
  lost: number;
  /** Calls that were done, their answers lost. */
  doubts: number;
}

/** Two batches each, in every order of their writes. `restarts`: how often a supervisor starts a superseded collector again while the other runs. */
export async function inEveryOrder(restarts: number): Promise<Races> {
  let lost = 0;
  const runs = await everyOrder(async (choose) => {
    lost += await race(
      [
        [bare(1, 2), bare(9, 1, 2)],
        [bare(2, 3, 1), bare(8, 1, 2)],
      ],
      { calls: WRITES, choose, restarts },
    );
  });
  return { runs, lost, doubts: 0 };
}

/** Random orders of all calls, over the edge of a tile, where partial tiles are removed; with records that came to both. */
export function inRandomOrders(seeds: number): Promise<Races> {
  return ofSeeds(seeds, async (random) => {
    const size = (): number => 1 + Math.floor(random() ** 3 * 300);
    const shared = bare(500, 5, 2);
    const frames = [
      [bare(1, size()), shared, bare(3, size())],
      [bare(11, size(), 1), shared, bare(13, size(), 3)],
    ];
    const choose: Choose = (waiting) => Math.floor(random() * waiting);
    return { lost: await race(frames, { calls: CALLS, choose, restarts: 2 }), doubts: 0 };
  });
}

/** The same with writes that are lost, or done with their answer lost, and tried again. */
export function withFaults(seeds: number): Promise<Races> {
  return ofSeeds(seeds, async (random) => {
    let doubts = 0;
    const faulty = (objects: Objects): Objects => {
      const all = { ...objects };
      for (const name of WRITES) {
        const write = objects[name] as (...all: unknown[]) => Promise<unknown>;
        Object.assign(all, {
          [name]: async (...given: unknown[]) => {
            const fate = random();
            if (fate < 0.05) throw new StorageError("unavailable", "lost");
            const result = await write(...given);
            if (fate >= 0.1) return result;
            doubts++;
            throw new StorageError("unavailable", "answer lost");
          },
        });
      }
      return all;
    };
    const frames = [
      [bare(1, 200), bare(2, 70), bare(3, 1)],
      [bare(11, 3, 1), bare(12, 255, 2)],
    ];
    const choose: Choose = (waiting) => Math.floor(random() * waiting);
    return { lost: await race(frames, { calls: CALLS, choose, restarts: 2, disturb: faulty }), doubts };
  });
}

async function ofSeeds(
  seeds: number,
  once: (random: () => number) => Promise<{ lost: number; doubts: number }>,
): Promise<Races> {
  const races = { runs: 0, lost: 0, doubts: 0 };
  for (let seed = 1; seed <= seeds; seed++) {
    const { lost, doubts } = await once(seeded(seed)).catch((error: unknown) => {
      throw new Error(`seed ${seed}`, { cause: error });
    });
    races.runs++;
    races.lost += lost;
    races.doubts += doubts;
  }
  return races;
}

interface RaceSettings {
  calls: readonly (keyof Objects)[];
  choose: Choose;
  restarts: number;
  disturb?: (objects: Objects) => Objects;
}

/** Without contents, so that a batch is five writes and the cursor. */
function bare(seq: number, records: number, numbered: number = seq): NormalizedFrame {
  const frame = frameOf(seq, records);
  return { ...frame, seq: numbered, records: frame.records.map((record) => ({ ...record, content: {} })) };
}

/** Collectors against each other in the chosen order, in the end each with nobody else at work. @returns how often one was superseded. */
async function race(
  frames: readonly (readonly NormalizedFrame[])[],
  { calls, choose, restarts, disturb = (objects) => objects }: RaceSettings,
): Promise<number> {
  const { store, collectors } = createCollectors(frames);
  const scheduler = createScheduler();
  const ends = collectors.map((collector, actor) =>
    supervised(collector, scheduler, actor, disturb(scheduler.objects(actor, store, calls)), restarts),
  );
  await scheduler.run(choose);
  const lost = (await Promise.all(ends)).flat();
  for (const error of lost) expect(error).toMatchObject({ code: "superseded" });
  // Nobody's tile, bundle or checkpoint was ever in the other's way.
  expect(store.conflicts).toEqual([]);
  for (const collector of collectors) await follow(collector, store, collector.cursor);
  const { verdict, findings, spans } = await outcomeOf(store);
  expect({ verdict, findings }).toEqual({ verdict: "VERIFIED", findings: [] });
  expect([...spans].sort()).toEqual([...new Set(frames.flatMap(spansOf))].sort());
  return lost.length;
}

/** What ended the collector, each time. */
async function supervised(
  collector: Collector,
  scheduler: Scheduler,
  actor: number,
  objects: Objects,
  restarts: number,
): Promise<unknown[]> {
  const ends: unknown[] = [];
  for (let start = 0; start <= restarts; start++) {
    const end = await follow(collector, objects, scheduler.cursor(actor, collector.cursor)).then(
      () => null,
      (error: unknown) => error,
    );
    if (end === null) break;
    ends.push(end);
  }
  return ends;
}
