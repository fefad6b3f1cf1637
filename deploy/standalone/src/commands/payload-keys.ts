import { resolve } from "node:path";
import type { FindPayloadKey } from "@runledger/contract";
import { type Objects, openKeyring, StorageError } from "@runledger/storage";
import { masterKeySource } from "../master-key-path.ts";

/**
 * Opens sealed payloads where the master key is at hand: in `RUNLEDGER_MASTER_KEY`, or in a data directory. Undefined: it is not, and sealed payloads
 * stay closed. `warn` is told of a master key that is another one's.
 */
export async function payloadKeysAtHand(
  objects: Objects,
  { dataDir, env, warn }: { dataDir: string | null; env: NodeJS.ProcessEnv; warn: (message: string) => void },
): Promise<FindPayloadKey | undefined> {
  const setting = env["RUNLEDGER_MASTER_KEY"];
  if (!setting && dataDir === null) return undefined;
  const source = masterKeySource(setting, resolve(dataDir ?? ""));
  try {
    return (await openKeyring(objects, source))?.reader();
  } catch (error) {
    if (!(error instanceof StorageError) || error.retryable) throw error;
    warn(error.message);
    return undefined;
  }
}
