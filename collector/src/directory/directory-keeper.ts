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
  /** Does a last round, so that the directory and its witnesses have the shard's end, or gives it up after `timeoutMs`. */
  stop(timeoutMs: number): Promise<void>;
}

/** Every `intervalMs` the shards' heads go into the directory, and its head to those who attest it. */
export function startDirectoryKeeper(
  { directory, watch, headWork, now, logger }: DirectoryKeeperDependencies,
  { intervalMs }: { intervalMs: number },
): DirectoryKeeper {
  const stopping = new AbortController();
  let troubles: string[] = [];
  let lastGood = 0;

  const round = async (): Promise<void> => {
    const found: string[] = [];
    const attempt = async (what: string, act: () => Promise<string[]>): Promise<void> => {
      try {
        found.push(...(await act()));
      } catch (error) {
        found.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
      }
    };
    await attempt(
      "directory",
      async () => (await directory?.record(new Date(now()).toISOString())) ?? (await watch.round()),
    );
    for (const work of headWork) await attempt("directory", () => work.round());
    for (const trouble of found) if (!troubles.includes(trouble)) logger.warn({ trouble }, "directory of the shards");
    troubles = found;
    if (found.length === 0) lastGood = Math.floor(now() / 1000);
  };

  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await round();
      await sleep(intervalMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  };
  const finished = run();

  return {
    troubles: () => troubles,
    lastGoodSeconds: () => lastGood,
    stop: async (timeoutMs) => {
      stopping.abort();
      const timeout = new AbortController();
      const end = finished.then(round).finally(() => timeout.abort());
      await Promise.race([end, sleep(timeoutMs, undefined, { signal: timeout.signal }).catch(() => undefined)]);
    },
  };
}
