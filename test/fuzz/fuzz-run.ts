import type { Rows } from "@runledger/storage";
import fc from "fast-check";
import { createInspection, type Findings } from "./inspection.ts";
import type { Target } from "./targets.ts";

export interface FuzzSettings {
  /** Of all targets together. */
  runs: number;
  seed: number;
  /** No further inputs after this many ms. */
  timeLimitMs: number;
  /** Where rows of what was accepted must find room; null: they are not looked at. */
  rows: Rows | null;
  /** Of all targets before the first has its turn again. Default 30,000. */
  inputsPerRound?: number;
  onProgress?: (text: string) => void;
}

export interface Failure {
  target: string;
  /** With fast-check's counterexample, and the seed and path that lead to it again. */
  message: string;
}

export interface FuzzReport extends Findings {
  failures: Failure[];
  /** Of the heap, after collection: at the start, and at the end. */
  heapMb: [number, number];
}

const MAX_FAILURES_PER_TARGET = 3;
const MAX_INPUT_CHARS = 4_000;

/** Runs all targets in turns, each with its share of the inputs; goes on after a failure. */
export async function fuzz(targets: readonly Target[], settings: FuzzSettings): Promise<FuzzReport> {
  const { inputsPerRound = 30_000 } = settings;
  const inspection = createInspection();
  const shares = targets.reduce((sum, { share }) => sum + share, 0);
  const left = new Map(targets.map((target) => [target, Math.ceil((settings.runs * target.share) / shares)]));
  const failures: Failure[] = [];
  const deadline = performance.now() + settings.timeLimitMs;
  const heapBefore = heapMb();
  const report = (target: Target, message: string) => {
    failures.push({ target: target.name, message });
    settings.onProgress?.(`FOUND by ${target.name}: ${message}`);
  };

  for (let round = 0; left.size > 0; round += 1) {
    for (const [target, inputs] of left) {
      if (performance.now() > deadline) return { ...inspection.findings, failures, heapMb: [heapBefore, heapMb()] };
      const numRuns = Math.min(inputs, Math.ceil((inputsPerRound * target.share) / shares));
      const seed = settings.seed + round;
      inspection.beThorough(false);
      const details = await fc.check(target.property(inspection), {
        numRuns,
        seed,
      });
      if (details.failed) report(target, messageOf(details));
      for (const [table, rows] of Object.entries(inspection.takeRows())) {
        const rejected = await insertAll(settings.rows, table, rows);
        if (rejected !== null) report(target, `seed ${seed}, ${table}: ${rejected}`);
      }
      if (inputs <= numRuns || failures.filter((one) => one.target === target.name).length >= MAX_FAILURES_PER_TARGET)
        left.delete(target);
      else left.set(target, inputs - numRuns);
    }
    settings.onProgress?.(
      `round ${round}: ${inspection.findings.inputs} inputs, ${inspection.findings.records} records, ${failures.length} failures, heap ${heapMb()} MB`,
    );
  }
  return { ...inspection.findings, failures, heapMb: [heapBefore, heapMb()] };
}

/** fast-check's own report prints the input whole, which may be nested deeper than its printer goes. */
function messageOf({ seed, counterexamplePath, counterexample, errorInstance }: fc.RunDetails<unknown>): string {
  const input = JSON.stringify(counterexample, (_key, value) => (typeof value === "bigint" ? `${value}n` : value));
  const error = errorInstance instanceof Error ? errorInstance.stack : String(errorInstance);
  return `seed ${seed}, path ${counterexamplePath}\n${error}\n${input.slice(0, MAX_INPUT_CHARS)}`;
}

/** What one row makes ClickHouse refuse would hold up all that come after it. */
async function insertAll(rows: Rows | null, table: string, all: readonly object[]): Promise<string | null> {
  if (rows === null || all.length === 0) return null;
  try {
    await rows.insert(table, all, `${performance.now()}`);
    return null;
  } catch (error) {
    if (all.length === 1) return `${error instanceof Error ? error.message : String(error)}: ${JSON.stringify(all[0])}`;
    const middle = Math.ceil(all.length / 2);
    return (await insertAll(rows, table, all.slice(0, middle))) ?? (await insertAll(rows, table, all.slice(middle)));
  }
}

function heapMb(): number {
  globalThis.gc?.();
  return Math.round(process.memoryUsage().heapUsed / 1024 / 1024);
}
