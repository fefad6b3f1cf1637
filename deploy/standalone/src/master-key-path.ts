import { resolve } from "node:path";
import type { MasterKeySource } from "@runledger/storage";

/** Where the master key is unless the settings hold it. */
export function masterKeyPath(dataDir: string): string {
  return resolve(dataDir, "keys", "master.key");
}

/** What `RUNLEDGER_MASTER_KEY` names: a key as base64, `module:PATH`, or `file`: that of the data directory, as without a value. */
export function masterKeySource(value: string | undefined, dataDir: string): MasterKeySource {
  if (!value || value === "file") return { file: masterKeyPath(dataDir) };
  return value.startsWith(MODULE) ? { module: resolve(value.slice(MODULE.length)) } : { base64: value };
}

const MODULE = "module:";
