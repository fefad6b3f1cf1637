import { createRunledger } from "../index.ts";

/** An agent in a process of its own, for tests of what happens when the process or the collector goes: `ok`, `hang` or `shutdown`. */
const ledger = createRunledger({ spoolDir: "off" });
const mode = process.argv[2];
const look = ledger.tool({ name: "look", input: { type: "object" }, run: () => "seen" });
const agent = ledger.wrap(
  async () => {
    await look({});
    if (mode === "hang") await new Promise((resolve) => setTimeout(resolve, 60_000));
    return "answer";
  },
  { agent: "lonely" },
);
const answer = agent();
if (mode === "hang") setTimeout(() => process.stdout.write("half way\n"), 2_000);
process.stdout.write(`${await answer}\n`);
if (mode === "shutdown") await ledger.shutdown();
