import { existsSync } from "node:fs";
import { resolve } from "node:path";
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
  const { verifierKey } = await loadOrCreateSigningKey(path, "unused");
  console.stdout.write(
    `# Logs that are trusted. Get this file from the operator in person, not from the server that is verified.\nlog ${verifierKey}\nquorum none\n`,
  );
}
