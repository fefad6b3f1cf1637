import { unverifiedCheckpoint } from "@runledger/contract";
import type { SigningKey } from "@runledger/storage";
import { StorageError } from "@runledger/storage";
import { faultOf, ORIGIN, openSmallCollector, type Request, type SmallCollector } from "../faults/small-collector.ts";
import { SHARD } from "../tamper/sample-log.ts";
import { seeded } from "../writers/scheduler.ts";
import { createSimulatedDisk, type SimulatedDisk } from "./simulated-disk.ts";
import { mount } from "./simulated-fs.ts";
import { createSimulatedStore, type SimulatedStore } from "./simulated-store.ts";
import { createWorld, type Life, type World } from "./world.ts";

/** What is made wrong on purpose, to see that it is found. */
export const BREAKS = ["fsync", "staging", "compare", "dedupe"] as const;
export type Break = (typeof BREAKS)[number];

/** Both machines have copies of these, as somebody who sets up a second collector by copying would have it. */
export type KeyFiles = Readonly<Record<"log.key" | "master.key", string>>;

export interface HistoryFacts {
  steps: number;
  acknowledged: number;
  crashes: number;
  powerLosses: number;
  entries: number;
}

interface Machine {
  name: string;
  disk: SimulatedDisk;
  /** Sent, and not yet acknowledged. */
  waiting: Request[];
}

interface Simulation {
  world: World;
  store: SimulatedStore;
  machines: Machine[];
  acknowledged: Request[];
  broken: Break | null;
  seals: boolean;
  /** What must never be, and was. */
  violations: string[];
  signedRoots: Map<number, string>;
  isHealing: boolean;
}

/**
 * Two collectors that were started on one shard, on machines that crash and lose their power, with disks that fail and forget what was not fsynced, clocks that jump, and an
 * object store behind a bad network; then all is mended, what was not acknowledged is sent again, and everything is looked at. @throws Error that tells what is not so.
 */
export async function simulateHistory(
  seed: number,
  files: KeyFiles,
  broken: Break | null = null,
): Promise<HistoryFacts> {
  const simulation = createSimulation(seed, files, broken);
  const { world, store, machines, violations } = simulation;
  const facts: HistoryFacts = { steps: 0, acknowledged: 0, crashes: 0, powerLosses: 0, entries: 0 };
  for (const machine of machines) startAgain(simulation, machine);
  const end = 200 + world.below(1_200);
  await world.run(() => {
    if (violations.length > 0 || world.steps > end) return "end";
    if (world.chance(0.006)) disturb(simulation, facts);
    return "go on";
  });
  simulation.isHealing = true;
  for (const machine of machines) die(machine);
  if (violations.length === 0) await heal(simulation);
  facts.steps = world.steps;
  facts.acknowledged = simulation.acknowledged.length;
  const note = await store.objects.read(`log/${SHARD}/checkpoint`);
  facts.entries = note === null ? 0 : unverifiedCheckpoint(note).size;
  violations.push(...store.objects.conflicts.map((path) => `two writers were in each other's way at ${path}`));
  if (violations.length > 0) throw new Error(violations[0]);
  return facts;
}

function createSimulation(seed: number, files: KeyFiles, broken: Break | null): Simulation {
  const world = createWorld(seeded(seed));
  const signedRoots = new Map<number, string>();
  const violations: string[] = [];
  const failing = world.chance(0.3) ? 0 : 0.12;
  let size = 0;
  const store = createSimulatedStore(world, {
    failing: () => (simulation.isHealing ? 0 : failing),
    broken: broken === "staging" || broken === "compare" ? broken : null,
    onWrite: (path, bytes) => {
      if (path !== `log/${SHARD}/checkpoint`) return;
      const published = unverifiedCheckpoint(bytes);
      if (published.size < size) violations.push(`the checkpoint went back from ${size} to ${published.size}`);
      size = published.size;
    },
  });
  const machines = ["a", "b"].map((name): Machine => {
    const disk = createSimulatedDisk(world, `/${name}`, {
      failing: () => (simulation.isHealing ? 0 : failing / 60),
      syncs: broken !== "fsync",
    });
    mount(name, disk);
    for (const [file, text] of Object.entries(files)) disk.place(`/${name}/${file}`, Buffer.from(text));
    const waiting = Array.from({ length: 2 + world.below(8) }, (_, i) => requestOf(world, name, i));
    return { name, disk, waiting };
  });
  const [a, b] = machines;
  // A client that had no answer from one collector may have gone to the other.
  if (world.chance(0.3) && a?.waiting[0] !== undefined) b?.waiting.push(a.waiting[0]);
  const common = { world, store, machines, acknowledged: [], broken, violations, signedRoots };
  const simulation: Simulation = { ...common, seals: world.chance(0.25), isHealing: false };
  return simulation;
}

/** Mostly few records; sometimes more than a tile is wide. */
function requestOf(world: World, machine: string, i: number): Request {
  const records = world.chance(0.06) ? 200 + world.below(120) : 1 + world.below(6);
  return { number: (machine === "a" ? 100 : 200) + i, records };
}

function startAgain(simulation: Simulation, machine: Machine): void {
  const { world, broken, violations } = simulation;
  const life: Life = { alive: true };
  machine.disk.life = life;
  const ended = (error: unknown): void => {
    if (!life.alive) return;
    life.alive = false;
    // A disk that fails at the start ends the process; what is damaged must not be, since nobody has damaged anything.
    const isDamage = error instanceof StorageError ? error.code === "damaged" : !String(error).includes("EIO");
    if (!isDamage) {
      if (!simulation.isHealing) startAgain(simulation, machine);
    } else violations.push(`${machine.name} stopped: ${error instanceof Error ? error.stack : String(error)}`);
  };
  const run = async (): Promise<void> => {
    await world.turn(life);
    const collector = await openOn(simulation, machine, life);
    const follow = async (): Promise<never> => {
      for (;;) {
        await collector.follow();
        await collector.removeFinishedSegments().catch(() => 0);
        await world.turn(life);
      }
    };
    await Promise.all([deliver(simulation, machine, collector, life), follow()]);
  };
  run().catch((error) => (broken === null || !simulation.isHealing ? ended(error) : undefined));
}

function openOn(simulation: Simulation, machine: Machine, life: Life): Promise<SmallCollector> {
  const { world, store, seals, broken } = simulation;
  return openSmallCollector({
    dir: `/${machine.name}`,
    objects: store.as(life),
    seals,
    attempts: 5,
    clock: () => world.now(),
    keyOf: (key) => watched(key, simulation),
    ...(broken === "dedupe" ? { seenRecords: 1 } : {}),
  });
}

/** Sends what waits, two at a time; what is acknowledged must never be lost. */
async function deliver(simulation: Simulation, machine: Machine, collector: SmallCollector, life: Life): Promise<void> {
  const { world, acknowledged } = simulation;
  const sender = async (): Promise<void> => {
    for (;;) {
      await world.turn(life);
      const request = machine.waiting[world.below(Math.min(2, machine.waiting.length))];
      if (request === undefined) return;
      await collector.append(request);
      if (!life.alive) return;
      acknowledged.push(request);
      machine.waiting = machine.waiting.filter((other) => other !== request);
    }
  };
  await Promise.all([sender(), sender()]);
}

function watched(key: SigningKey, { signedRoots, violations }: Simulation): SigningKey {
  const sign = (text: Uint8Array): Uint8Array => {
    const [origin, size = "", root = ""] = Buffer.from(text).toString().split("\n");
    const before = signedRoots.get(Number(size));
    if (origin === ORIGIN && before !== undefined && before !== root)
      violations.push(`two histories were signed for size ${size}`);
    if (origin === ORIGIN) signedRoots.set(Number(size), root);
    return key.signer.sign(text);
  };
  return { ...key, signer: { ...key.signer, sign } };
}

function die({ disk }: Machine): void {
  disk.life.alive = false;
}

function disturb(simulation: Simulation, facts: HistoryFacts): void {
  const { world, machines } = simulation;
  const machine = machines[world.below(machines.length)] as Machine;
  die(machine);
  if (world.chance(0.5)) {
    machine.disk.losePower();
    facts.powerLosses++;
  } else facts.crashes++;
  startAgain(simulation, machine);
}

/** Nothing fails any more. Each machine in turn sends what it has left and ends; what the network still held arrives in between. */
async function heal(simulation: Simulation): Promise<void> {
  const { world, store, machines, acknowledged, violations, seals } = simulation;
  for (const machine of machines) {
    const life: Life = { alive: true };
    machine.disk.life = life;
    let isDone = false;
    const finish = async (): Promise<void> => {
      const collector = await openOn(simulation, machine, life);
      await deliver(simulation, machine, collector, life);
      await collector.follow();
      await collector.close();
    };
    finish()
      .catch((error) =>
        violations.push(`${machine.name} does not recover: ${error instanceof Error ? error.stack : error}`),
      )
      .finally(() => {
        isDone = true;
      });
    const limit = world.steps + 100_000;
    await world.run(() => (isDone || world.steps > limit ? "end" : "go on"));
    if (!isDone) violations.push(`${machine.name} does not come to an end`);
  }
  await world.run(() => "go on");
  world.calm();
  const fault = await faultOf({ dir: "/a", objects: store.objects, seals }, acknowledged);
  if (fault !== null) violations.push(fault);
}
