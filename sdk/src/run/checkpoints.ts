import { AsyncLocalStorage } from "node:async_hooks";
import { randomUUID } from "node:crypto";
import { GEN_AI, RUNLEDGER } from "@runledger/contract";
import type { FactRecorder } from "../facts/fact-recorder.ts";
import type { Failures } from "../failures.ts";
import { type LineSeal, SealedOtherwise } from "../privacy/sealed-lines.ts";
import { type Checkpoint, checkpointSchema } from "./checkpoint.ts";
import { forgetOldCheckpoints, openCheckpointFile, readCheckpoint } from "./checkpoint-file.ts";
import type { Resumption } from "./resumption.ts";
import type { Run } from "./run.ts";

export interface Checkpoints {
  /**
   * Records where the agent stands. The state (JSON) is kept on disk for `resume` by the run's id, as are results of tools with an idempotency key
   * from now on. Given back is the same as plain data, for a store of your own. Undefined outside of a run, and when the state is no JSON.
   */
  checkpoint(state: unknown): Checkpoint | undefined;
  /**
   * Goes on with a run whose process has died: the first call of its wrapped agent within `work` is that same run.
   * @throws Error when there is no such run to go on with, or a process of this machine is still at it.
   */
  resume<T>(from: string | Checkpoint, work: () => T): T;
  /** Within a run that goes on: the state of its checkpoint. */
  resumedState(): unknown;
  /** The run that a call of this agent goes on with, if there is one: once. */
  takeUp(agent: string): Resumption | undefined;
  /** It goes on: recorded, and kept from now on as its process before had kept it. What that one recorded after the checkpoint stands before this. */
  continued(run: Run, resumption: Resumption): void;
}

export interface CheckpointSettings {
  /** Undefined: none is kept on disk. */
  directory: string | undefined;
  maxAgeMs: number;
  /** Undefined: what is content must not be on disk, and none is kept there. */
  seal: LineSeal | undefined;
}

export function createCheckpoints(
  { recorder, failures }: { recorder: FactRecorder; failures: Failures },
  { directory: wanted, maxAgeMs, seal }: CheckpointSettings,
): Checkpoints {
  const directory = seal === undefined ? undefined : wanted;
  const resuming = new AsyncLocalStorage<Resumption>();
  const keepers = new WeakMap<Run, (checkpoint: Checkpoint) => void>();

  function keeperOf(run: Run): (checkpoint: Checkpoint) => void {
    const known = keepers.get(run);
    if (known !== undefined || directory === undefined) return known ?? (() => {});
    const file = openCheckpointFile(directory, run.root.traceId, seal);
    failures.attempt("spool", () => forgetOldCheckpoints(directory, maxAgeMs, Date.now()));
    const keep = (checkpoint: Checkpoint) => {
      file.save(checkpoint);
      file.progress(checkpoint);
    };
    run.results.onChange((result) => failures.attempt("spool", () => file.add(result)));
    run.onRecord((progress) => failures.attempt("spool", () => (run.ended ? file.remove() : file.progress(progress))));
    keepers.set(run, keep);
    return keep;
  }

  return {
    takeUp(agent) {
      const found = resuming.getStore();
      if (found === undefined || found.taken || found.checkpoint.agent !== agent) return undefined;
      found.taken = true;
      return found;
    },
    continued(run, { checkpoint: { id, state, agent }, progress }) {
      recordResumption(run, agent, id, progress.records);
      failures.attempt("spool", () => keeperOf(run)(run.checkpoint(id, state)));
    },
    checkpoint(state) {
      const scope = recorder.scope("checkpoint");
      if (scope === undefined) return undefined;
      return failures.attempt("record", () => {
        const { run } = scope;
        const text = JSON.stringify(state ?? null);
        const id = randomUUID();
        recorder.record(scope, () => ({
          ...{ kind: "state", operation: "checkpoint", name: scope.agent },
          attributes: { [RUNLEDGER.checkpointId]: id, [RUNLEDGER.checkpointState]: text },
        }));
        const made = run.checkpoint(id, JSON.parse(text));
        failures.attempt("spool", () => keeperOf(run)(made));
        return made;
      });
    },
    resume(from, work) {
      const found = typeof from === "string" ? readKept({ directory, seal }, from) : given(from);
      return resuming.run({ ...found, taken: false }, work);
    },
    resumedState: () => recorder.scope("resumedState")?.run.resumed?.checkpoint.state,
  };
}

function recordResumption(run: Run, agent: string, checkpointId: string, records: number): void {
  const attributes = {
    [GEN_AI.operationName]: "resume",
    [RUNLEDGER.stepName]: agent,
    [RUNLEDGER.checkpointId]: checkpointId,
    [RUNLEDGER.checkpointRecords]: records,
  };
  run.startStep(`resume ${agent}`, { kind: "state", parent: run.root, attributes }).end();
}

function readKept({ directory, seal }: Pick<CheckpointSettings, "directory" | "seal">, runId: string) {
  const found = directory === undefined ? undefined : readFrom(directory, runId, seal);
  if (found?.runningIn !== undefined) {
    throw new Error(`runledger: run ${runId} has not died: process ${found.runningIn} is at it, and two must not be`);
  }
  if (found !== undefined) return found;
  const why =
    directory === undefined
      ? seal === undefined
        ? "content is not full, so none is kept on disk without a content key (RUNLEDGER_CONTENT_KEY)"
        : "no checkpoints are kept on disk"
      : `none is kept in ${directory}: it made none, it has ended, or it ran elsewhere`;
  throw new Error(`runledger: there is no checkpoint of run ${runId} to go on from: ${why}`);
}

function readFrom(directory: string, runId: string, seal: LineSeal | undefined) {
  try {
    return readCheckpoint(directory, runId, seal);
  } catch (cause) {
    const why = cause instanceof SealedOtherwise ? cause.message : "it is damaged: begin a new run";
    throw new Error(`runledger: the checkpoint of run ${runId} in ${directory} can't be read: ${why}`, { cause });
  }
}

function given(from: Checkpoint) {
  const parsed = checkpointSchema.safeParse(from);
  if (!parsed.success) throw new Error("runledger: what is to be resumed is no checkpoint", { cause: parsed.error });
  return { checkpoint: parsed.data, progress: parsed.data };
}
