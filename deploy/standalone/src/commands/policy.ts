import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { byUtf8, CHECKPOINT_PATH, DIRECTORY, logPrefix, unverifiedCheckpoint } from "@runledger/contract";
import { loadOrCreateSigningKey, openObjects } from "@runledger/storage";
import pc from "picocolors";
import type { Console } from "../program.ts";

export interface PolicyFlags {
  /** Of each collector whose logs are to be trusted. */
  dataDir: string[];
  objects?: string;
  /** One log alone, and the directory. */
  shard?: string;
}

interface KnownLog {
  shard: string;
  origin: string;
  verifierKey: string;
}

/** `runledger policy`: the C2SP tlog-policy that trusts the logs whose keys are here, to be handed over out of band. */
export async function printPolicy({ dataDir, objects, shard }: PolicyFlags, console: Console): Promise<void> {
  const directories = dataDir.map((each) => resolve(each));
  const found = (await Promise.all(directories.map(logsOf))).flat();
  const wanted = found.filter((log) => shard === undefined || log.shard === shard || log.shard === DIRECTORY);
  if (wanted.every((log) => log.shard === DIRECTORY))
    throw new Error(
      `There is no signing key${shard === undefined ? "" : ` of ${shard}`} in ${directories.map((each) => join(each, "keys")).join(", ")}: start Runledger there once, or name its directory with --data-dir.`,
    );
  // The directory's own last: what takes the first line, as the commands by hand do, takes a log of records.
  const ordered = wanted.toSorted(
    (a, b) => Number(a.shard === DIRECTORY) - Number(b.shard === DIRECTORY) || byUtf8(a.shard, b.shard),
  );
  const lines = new Set(ordered.map(({ verifierKey }) => `log ${verifierKey}\n`));
  console.stdout.write(
    `# Logs that are trusted. Get this file from the operator in person, not from the server that is verified.\n${[...lines].join("")}quorum none\n`,
  );
  if (shard === undefined) await tellOfOthers(objects ?? `file:${directories[0]}/objects`, found, console);
}

async function logsOf(dataDir: string): Promise<KnownLog[]> {
  const directory = join(dataDir, "keys");
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  const shards = names.flatMap((name) => /^log-(.+)\.key$/.exec(name)?.[1] ?? []);
  return await Promise.all(
    shards.map(async (shard) => {
      const { origin, verifierKey } = await loadOrCreateSigningKey(join(directory, `log-${shard}.key`), "unused");
      return { shard, origin, verifierKey };
    }),
  );
}

/** Logs of the store that are signed elsewhere: a policy without them makes what they hold UNTRUSTED. */
async function tellOfOthers(location: string, known: readonly KnownLog[], console: Console): Promise<void> {
  const warn = (words: string): void => void console.stderr.write(pc.yellow(`${words}\n`));
  try {
    const store = await openObjects(location, { access: "read" });
    const origins = new Set(known.map(({ origin }) => origin));
    for (const shard of await store.folders("log/")) {
      const note = await store.read(logPrefix(shard) + CHECKPOINT_PATH);
      if (note === null || origins.has(unverifiedCheckpoint(note).origin)) continue;
      warn(
        `The store has also the log ${shard}, whose key is not here: name the data directory of its collector too (--data-dir), or run \`runledger policy\` there and add its \`log\` line.`,
      );
    }
  } catch (error) {
    warn(
      `Whether the store has logs of other collectors could not be seen: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
