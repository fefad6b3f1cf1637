import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { DIRECTORY } from "@runledger/contract";
import { loadOrCreateSigningKey } from "@runledger/storage";
import type { Console } from "../program.ts";
import { keyPath } from "../standalone.ts";

/** `runledger policy`: the C2SP tlog-policy that trusts this installation's log, to be handed over out of band. */
export async function printPolicy(flags: { dataDir: string; shard: string }, console: Console): Promise<void> {
  const path = keyPath({ dataDir: resolve(flags.dataDir), shard: flags.shard });
  if (!existsSync(path))
    throw new Error(
      `There is no signing key at ${path}: start Runledger there once, or name its directory with --data-dir.`,
    );
  const directoryPath = keyPath({ dataDir: resolve(flags.dataDir), shard: DIRECTORY });
  const keys = [await loadOrCreateSigningKey(path, "unused")];
  if (existsSync(directoryPath)) keys.push(await loadOrCreateSigningKey(directoryPath, "unused"));
  const logs = keys.map(({ verifierKey }) => `log ${verifierKey}\n`).join("");
  console.stdout.write(
    `# Logs that are trusted. Get this file from the operator in person, not from the server that is verified.\n${logs}quorum none\n`,
  );
}
