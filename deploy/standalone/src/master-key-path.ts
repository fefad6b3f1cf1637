import { resolve } from "node:path";

/** Where the master key is unless the settings hold it. */
export function masterKeyPath(dataDir: string): string {
  return resolve(dataDir, "keys", "master.key");
}
