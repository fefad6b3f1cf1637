import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import type { DirectoryLog } from "./directory-log.ts";

/** Something that is done with the directory's head once it stands. */
export interface HeadWork {
  round(): Promise<string[]>;
}

export interface DirectoryKeeperDependencies {
  /** Null: another collector's key signs the directory; then `watch` looks whether our shard is in it. */
  directory: DirectoryLog | null;
  watch: HeadWork;
  /** Witnesses, time stamps: in this order. */
  headWork: readonly HeadWork[];
  /** Milliseconds since the epoch. */
  now: () => number;
  logger: Pick<Logger, "warn">;
}

export interface DirectoryKeeper {
  /** What is not as it should be; [] when all is well. Nobody waits for it: agents and the shards' logs go on. */
  troubles(): string[];
  /** Unix seconds of the last round in which all went well; 0: none. */
  lastGoodSeconds(): number;
  /**
   * Our shard has a new head. Where none came between the last two rounds the next one is at once: a new log is in the directory as soon as there is
   * something of it, and what comes after a quiet time does not wait for its minute.
   */
  headStands(): void;
  /** Records the shards' end, then shows the directory's to witnesses; gives up after `timeoutMs`. */
  stop(timeoutMs: number): Promise<void>;
}

/** Every `intervalMs` the shards' heads go into the directory, and its head to those who attest it. */
export function startDirectoryKeeper(
  { directory, watch, headWork, now, logger }: DirectoryKeeperDependencies,
  { intervalMs }: { intervalMs: number },
): DirectoryKeeper {
  const stopping = new AbortController();
  /** Aborted by the first head since the last round began. */
  let heads = new AbortController();
  let troubles: string[] = [];
  let lastGood = 0;
  let recording: Promise<string[]> = Promise.resolve([]);

  const recordHeads = async (): Promise<string[]> =>
    (await directory?.record(new Date(now()).toISOString())) ?? (await watch.round());

  const round = async (): Promise<void> => {
    recording = troublesOf(recordHeads);
    const found = await recording;
    for (const work of headWork) found.push(...(await troublesOf(() => work.round())));
    for (const trouble of found) if (!troubles.includes(trouble)) logger.warn({ trouble }, "directory of the shards");
    troubles = found;
    if (found.length === 0) lastGood = Math.floor(now() / 1000);
  };

  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const wasQuiet = !heads.signal.aborted;
      heads = new AbortController();
      const early = wasQuiet ? [heads.signal] : [];
      await round();
      await sleep(intervalMs, undefined, { signal: AbortSignal.any([stopping.signal, ...early]) }).catch(
        () => undefined,
      );
    }
  };
  const finished = run();

  return {
    troubles: () => troubles,
    lastGoodSeconds: () => lastGood,
    headStands: () => heads.abort(),
    stop: async (timeoutMs) => {
      stopping.abort();
      const timeout = new AbortController();
      // A witness that keeps the round under way waiting does not keep the shards' end out of the directory.
      const recorded = recording.then(() => troublesOf(recordHeads));
      const end = Promise.all([recorded, finished])
        .then(round)
        .finally(() => timeout.abort());
      await Promise.race([end, sleep(timeoutMs, undefined, { signal: timeout.signal }).catch(() => undefined)]);
    },
  };
}

async function troublesOf(act: () => Promise<string[]>): Promise<string[]> {
  try {
    return [...(await act())];
  } catch (error) {
    return [`directory: ${error instanceof Error ? error.message : String(error)}`];
  }
}
