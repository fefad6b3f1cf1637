import { readFile } from "node:fs/promises";
import { DIRECTORY, parsePolicy, type TrustPolicy } from "@runledger/contract";
import type { Objects, SigningKey } from "@runledger/storage";
import type { Logger } from "pino";
import { Gauge, type Registry } from "prom-client";
import { type DirectoryKeeper, type HeadWork, startDirectoryKeeper } from "./directory-keeper.ts";
import { openDirectoryKey, watchDirectory } from "./directory-key.ts";
import { createDirectoryLog } from "./directory-log.ts";
import { createTimestampClient } from "./timestamp-client.ts";
import { createTimestamping } from "./timestamping.ts";
import { createWitnessing } from "./witnessing.ts";

export interface DirectoryDependencies {
  objects: Objects;
  /** Of the shard. */
  key: SigningKey;
  logger: Logger;
  registry: Registry;
  writer: string;
}

export interface DirectorySettings {
  shard: string;
  directoryKeyPath: string;
  directoryIntervalMs: number;
  witnessPolicy: string | null;
  witnessLogs: "directory" | "all";
  tsaUrl: string | null;
  tsaIntervalMs: number;
}

/** The directory of the shards, its witnesses and its time stamps, as the settings have them. @throws for a witness policy that can't be read. */
export async function startDirectory(
  { objects, key, logger, registry, writer }: DirectoryDependencies,
  settings: DirectorySettings,
): Promise<DirectoryKeeper> {
  const { shard, directoryKeyPath, directoryIntervalMs: intervalMs, witnessPolicy, witnessLogs, tsaUrl } = settings;
  const policy = witnessPolicy === null ? null : await readPolicy(witnessPolicy);
  const directoryKey = await openDirectoryKey(objects, directoryKeyPath, key.origin);
  if (directoryKey === null)
    logger.info(
      { path: directoryKeyPath },
      "the directory of the shards is kept by other collectors; copy their key here to keep it too",
    );
  const logs = [
    ...(directoryKey === null ? [] : [{ log: DIRECTORY, verifierKey: directoryKey.verifierKey }]),
    ...(witnessLogs === "all" ? [{ log: shard, verifierKey: key.verifierKey }] : []),
  ];
  const witnessing = policy === null ? [] : logs.map((log) => createWitnessing(objects, { ...log, policy }));
  const timestamping =
    tsaUrl === null || directoryKey === null
      ? null
      : createTimestamping(objects, createTimestampClient(tsaUrl), {
          log: DIRECTORY,
          intervalMs: settings.tsaIntervalMs,
          now: Date.now,
        });
  const headWork: HeadWork[] = [...witnessing, ...(timestamping === null ? [] : [timestamping])];
  const keeper = startDirectoryKeeper(
    {
      directory: directoryKey && createDirectoryLog(objects, directoryKey, writer),
      watch: watchDirectory(objects, shard, Date.now),
      headWork,
      now: Date.now,
      logger,
    },
    { intervalMs },
  );
  const gauge = (name: string, help: string, value: () => number): void => {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(value());
      },
    });
  };
  gauge("runledger_directory_in_trouble", "1 while the directory, a witness or the TSA is not as it should be", () =>
    Number(keeper.troubles().length > 0),
  );
  gauge("runledger_directory_last_good_seconds", "Unix time of the last round in which all went well", () =>
    keeper.lastGoodSeconds(),
  );
  if (policy !== null)
    gauge("runledger_witnessed_size", "Entries of the directory under a quorum of witnesses", () =>
      Math.max(0, ...witnessing.slice(0, 1).map(({ cosignedSize }) => cosignedSize)),
    );
  if (timestamping !== null)
    gauge(
      "runledger_timestamped_size",
      "Entries of the directory at its last time stamp",
      () => timestamping.stampedSize,
    );
  return keeper;
}

async function readPolicy(path: string): Promise<TrustPolicy> {
  try {
    return parsePolicy(await readFile(path));
  } catch (cause) {
    throw new Error(`RUNLEDGER_WITNESS_POLICY=${path}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}
