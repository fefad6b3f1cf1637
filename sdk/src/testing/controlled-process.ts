import { createRunledger } from "../index.ts";

/** A process that ends when its agent has: it says whether control was reached, and has nothing else to do. */
const ledger = createRunledger({ spoolDir: "off", flushTimeoutMs: 50, log: () => undefined });
const agent = ledger.wrap(() => new Promise((resolve) => setTimeout(resolve, 1_000)), { agent: "short" });
await agent();
process.stdout.write(`${ledger.stats().control}\n`);
