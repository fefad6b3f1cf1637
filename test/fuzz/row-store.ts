import { migrate, openRows, type Rows, startEmbeddedClickHouse } from "@runledger/storage";
import { pino } from "pino";
import { temporaryDir } from "../support/product.ts";

/** A ClickHouse with our tables. */
export async function startRowStore(): Promise<{ rows: Rows; stop: () => Promise<void> }> {
  const home = await temporaryDir("fuzz");
  const server = await startEmbeddedClickHouse({ dir: home.dir, logger: pino({ level: "silent" }) });
  const rows = openRows(server.url);
  await migrate(rows, { retentionDays: 400 });
  return {
    rows,
    async stop() {
      await rows.close();
      await server.stop();
      await home.remove();
    },
  };
}
