import { acquireDirectoryLock, openObjects, rotateMasterKey } from "@runledger/storage";
import pc from "picocolors";
import type { StandaloneSettings } from "../config.ts";
import type { Console } from "../program.ts";

/** `runledger rotate-master-key`: all data keys are wrapped anew; no payload is touched. Interrupted, it is run again. */
export async function rotateMaster(settings: Readonly<StandaloneSettings>, console: Console): Promise<void> {
  const base64 = console.env["RUNLEDGER_MASTER_KEY_NEXT"];
  const isTerminal = console.stderr.isTTY === true;
  const lock = await acquireDirectoryLock(settings.dataDir);
  try {
    const objects = await openObjects(settings.objects);
    const next = base64 ? { base64 } : null;
    const { masterId, keys, rings } = await rotateMasterKey(objects, settings.masterKey, next, (done, total) => {
      if (isTerminal) console.stderr.write(`\r  ${done} of ${total} objects`);
    });
    if (isTerminal) console.stderr.write("\r\u001b[K");
    console.stdout.write(`${pc.green("rotated")}: ${keys} data keys in ${rings} objects are wrapped by ${masterId}\n`);
    if (next !== null) console.stdout.write("Start Runledger with the new key in RUNLEDGER_MASTER_KEY from now on.\n");
    else console.stdout.write("Back up keys/master.key; older backups of it open nothing any more.\n");
  } finally {
    await lock.release();
  }
}
