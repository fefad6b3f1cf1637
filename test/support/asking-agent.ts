import { appendFileSync } from "node:fs";
import { createRunledger } from "@runledger/sdk";

/**
 * An agent that asks a person before it pays, and is killed while it waits; started again with the run's id it goes on. Each payment is a line of the
 * file `PAID`, whichever process made it. `KEY`: of its payment; without one it is known by its place. The last line on stdout says how it went.
 */
const { AGENT = "asker", PAID = "", RUN_ID, KEY, TIMEOUT_MS = "120000" } = process.env;
const ledger = createRunledger({ spoolDir: "off", log: () => {} });
const pay = ledger.tool({
  name: "pay",
  input: { type: "object" },
  confirmTimeoutMs: Number(TIMEOUT_MS),
  sideEffect: "irreversible",
  run() {
    appendFileSync(PAID, `${AGENT}\n`);
    return "paid";
  },
});
const agent = ledger.wrap(
  async () => {
    if (RUN_ID === undefined) ledger.checkpoint({ invoice: 7 });
    return await pay({ invoice: 7 }, { idempotencyKey: KEY });
  },
  { agent: AGENT },
);
const outcome = await Promise.resolve(RUN_ID === undefined ? agent() : ledger.resume(RUN_ID, agent)).catch(
  ({ code, message }: { code?: string; message: string }) => `${code}: ${message}`,
);
await ledger.shutdown();
process.stdout.write(`${outcome}\n`);
