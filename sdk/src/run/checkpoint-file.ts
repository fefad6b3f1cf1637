import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { type LineSeal, PLAIN_LINES } from "../privacy/sealed-lines.ts";
import type { KeptResult } from "../tools/result-book.ts";
import { type Checkpoint, checkpointSchema, type Progress, progressSchema } from "./checkpoint.ts";

/** What of a run outlives its process: a file with the last checkpoint and the results since, and one that says how far it is. */
export interface CheckpointFile {
  /** On the disk when it returns. @throws what the file system throws, as all of these. */
  save(checkpoint: Checkpoint): void;
  add(result: KeptResult): void;
  /** Survives the end of the process, not of the machine: it is written with each record. */
  progress(progress: Progress): void;
  remove(): void;
}

const RUN_ID = /^[0-9a-f]{32}$/;
/** One write of one length, so that a crash leaves the old one or the new one. */
const PROGRESS_BYTES = 1_024;
const resultLine = z.object({ tool: z.string(), key: z.string() }).loose();
const ownedProgress = progressSchema.extend({
  /** Whose run it is. */
  pid: z.number().int().positive(),
  host: z.string(),
});
const MAX_HOST_CHARS = 100;

/** @param seal how its lines are written: they hold content. */
export function openCheckpointFile(directory: string, runId: string, { seal }: LineSeal = PLAIN_LINES): CheckpointFile {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const { state, progress } = pathsOf(directory, runId);
  let stateFile: number | undefined;
  let progressFile: number | undefined;
  const owner = { pid: process.pid, host: thisHost() };
  return {
    save(checkpoint) {
      const whole = openSync(`${state}.new`, "w", 0o600);
      writeSync(whole, `${seal(JSON.stringify(checkpoint))}\n`);
      fsyncSync(whole);
      // A crash before this leaves the checkpoint before; after it, this one with all results until now in it.
      renameSync(`${state}.new`, state);
      if (stateFile !== undefined) closeSync(stateFile);
      stateFile = whole;
    },
    add(result) {
      if (stateFile === undefined) return;
      writeSync(stateFile, `${seal(JSON.stringify(result))}\n`);
      fsyncSync(stateFile);
    },
    progress({ records, used, last }) {
      progressFile ??= openSync(progress, "w", 0o600);
      writeSync(progressFile, JSON.stringify({ records, used, last, ...owner }).padEnd(PROGRESS_BYTES), 0);
    },
    remove() {
      for (const file of [stateFile, progressFile]) if (file !== undefined) closeSync(file);
      for (const path of [state, progress]) rmSync(path, { force: true });
    },
  };
}

/** Undefined: there is none. `runningIn`: a process that has not died. A half-written last line is what the process died in. @throws when the file is damaged. */
export function readCheckpoint(
  directory: string,
  runId: string,
  { open }: LineSeal = PLAIN_LINES,
): { checkpoint: Checkpoint; progress: Progress; runningIn: number | undefined } | undefined {
  if (!RUN_ID.test(runId)) return undefined;
  const paths = pathsOf(directory, runId);
  const text = textOf(paths.state);
  if (text === undefined) return undefined;
  const [first = "", ...lines] = text.split("\n");
  const saved = checkpointSchema.parse(JSON.parse(open(first)));
  const since = lines.slice(0, -1).map((line) => resultLine.parse(JSON.parse(open(line))) as KeptResult);
  const progressText = textOf(paths.progress);
  const progress = progressText === undefined ? saved : ownedProgress.parse(JSON.parse(progressText));
  const checkpoint = { ...saved, results: [...saved.results, ...since] };
  const runningIn = "pid" in progress && isElsewhere(progress) ? progress.pid : undefined;
  return { checkpoint, progress: progress.records < saved.records ? saved : progress, runningIn };
}

/** Another process of this machine that lives. Of other machines, and of a container's own numbers, nothing can be said. */
function isElsewhere({ pid, host }: { pid: number; host: string }): boolean {
  if (pid === process.pid || host !== thisHost()) return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM"; // lives, and is somebody else's
  }
}

function thisHost(): string {
  return hostname().slice(0, MAX_HOST_CHARS);
}

/** Runs that nobody has gone on with for so long are given up. */
export function forgetOldCheckpoints(directory: string, maxAgeMs: number, now: number): void {
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    if (now - statSync(path).mtimeMs > maxAgeMs) rmSync(path, { force: true });
  }
}

function pathsOf(directory: string, runId: string) {
  return { state: join(directory, `${runId}.checkpoint`), progress: join(directory, `${runId}.progress`) };
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
