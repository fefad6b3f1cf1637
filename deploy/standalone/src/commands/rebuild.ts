import { join } from "node:path";
import { createPrices, createStderrLogger, openLenientRows, rebuild } from "@runledger/collector";
import { openKeyring, openObjects } from "@runledger/storage";
import pc from "picocolors";
import type { StandaloneSettings } from "../config.ts";
import type { Console } from "../program.ts";
import { withStores } from "../standalone.ts";
import { refuseWhileRunning } from "./refuse-while-running.ts";

/** `runledger rebuild`: ClickHouse anew, from the audit log alone; with the costs of the log, or those of today's prices. */
export async function rebuildRows(
  settings: Readonly<StandaloneSettings>,
  { reprice }: { reprice: boolean },
  console: Console,
): Promise<void> {
  const logger = createStderrLogger(settings.logLevel);
  const isTerminal = console.stderr.isTTY === true;
  const objects = await openObjects(settings.objects);
  // What another collector inserts meanwhile would be lacking afterwards, or be there twice.
  await refuseWhileRunning(objects, console, "and run this again");
  await withStores(settings, logger, async (clickhouseUrl) => {
    const rows = openLenientRows(clickhouseUrl, logger);
    try {
      const done = await rebuild(
        {
          objects,
          rows,
          keyring: await openKeyring(objects, settings.masterKey),
          prices: createPrices(settings.prices),
          clock: Date.now,
          onProgress: ({ entries, totalEntries, entriesPerSecond }) => {
            if (isTerminal)
              console.stderr.write(`\r  ${entries} of ${totalEntries} entries, ${entriesPerSecond} a second`);
          },
        },
        { journalDir: join(settings.dataDir, "journal"), reprice },
      );
      if (isTerminal) console.stderr.write("\r\u001b[K");
      console.stdout.write(
        `${pc.green("rebuilt")} ClickHouse from ${done.entries} entries of the log, ${done.entriesPerSecond} a second\n`,
      );
      if (done.missingPayloads > 0)
        console.stdout.write(
          `${done.missingPayloads} previews are empty: their payloads are gone, erased or expired\n`,
        );
    } finally {
      await rows.close();
    }
  });
}
