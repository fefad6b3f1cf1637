import { isDeepStrictEqual } from "node:util";
import { acquireDirectoryLock, openObjects, rotateMasterKey } from "@runledger/storage";
import pc from "picocolors";
import type { StandaloneSettings } from "../config.ts";
import { masterKeySource } from "../master-key-path.ts";
import type { Console } from "../program.ts";
import { systemUser } from "../system-user.ts";
import { refuseWhileRunning } from "./refuse-while-running.ts";

/** `runledger rotate-master-key`: all data keys are wrapped anew; no payload is touched. Interrupted, it is run again. */
export async function rotateMaster(
  settings: Readonly<StandaloneSettings>,
  { reason = null }: { reason?: string | null | undefined },
  console: Console,
): Promise<void> {
  const setting = console.env["RUNLEDGER_MASTER_KEY_NEXT"];
  const isTerminal = console.stderr.isTTY === true;
  const lock = await acquireDirectoryLock(settings.dataDir);
  try {
    const objects = await openObjects(settings.objects);
    // What is not seen here, or starts meanwhile with the old key, stops by itself and loses nothing.
    await refuseWhileRunning(objects, console, "run this again, and start them with the new master key");
    const given = setting ? masterKeySource(setting, settings.dataDir) : null;
    const next = given !== null && isDeepStrictEqual(given, settings.masterKey) ? null : given;
    const act = { time_ms: Date.now(), by: systemUser(), reason };
    const onProgress = (done: number, total: number) => {
      if (isTerminal) console.stderr.write(`\r  ${done} of ${total} objects`);
    };
    const rotation = await rotateMasterKey(objects, settings.masterKey, next, act, onProgress);
    const { masterId, keys, rings, wasDone } = rotation;
    if (isTerminal) console.stderr.write("\r\u001b[K");
    const done = wasDone ? pc.yellow("was rotated already") : pc.green("rotated");
    console.stdout.write(`${done}: ${keys} data keys in ${rings} objects are wrapped by ${masterId}\n`);
    if (next !== null && !("file" in next))
      console.stdout.write("Start Runledger with the new key in RUNLEDGER_MASTER_KEY from now on.\n");
    else if (next !== null) console.stdout.write("Start Runledger without RUNLEDGER_MASTER_KEY from now on.\n");
    if (next === null || "file" in next)
      console.stdout.write("Back up keys/master.key; older backups of it open nothing any more.\n");
    console.stdout.write("The log has it (master_key.rotate) soon after the next start.\n");
  } finally {
    await lock.release();
  }
}
