import { whoRuns } from "@runledger/query-api";
import { type Objects, StorageError } from "@runledger/storage";
import pc from "picocolors";
import type { Console } from "../program.ts";

/** The lock is of one directory only. @param then what to do when all are stopped. @throws StorageError `locked` when Runledger runs anywhere over the store. */
export async function refuseWhileRunning(objects: Objects, { stderr }: Console, then: string): Promise<void> {
  if (stderr.isTTY === true) stderr.write(pc.dim("  looking whether Runledger runs anywhere over this store …\n"));
  const running = await whoRuns(objects);
  if (running === null) return;
  throw new StorageError(
    "locked",
    `Runledger runs over this store, at least ${running.split("+")[0]}. Stop all that do, ${then}; nothing was changed`,
  );
}
