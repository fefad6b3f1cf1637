import { createRunledger } from "@runledger/sdk";

/** Keeps a checkpoint, decides once more without that being sent, and waits to be killed; started again with the run's id it goes on and ends. */
const ledger = createRunledger({ control: "off", spoolDir: "off", log: () => {} });
const [runId] = process.argv.slice(2);
const say = (line: string) => process.stdout.write(`${line}\n`);
const agent = ledger.wrap(
  async () => {
    if (runId !== undefined) {
      ledger.decision({ name: "after the crash", choice: "go on" });
      return;
    }
    say(`run ${ledger.runId()}`);
    ledger.decision({ name: "before", choice: "go" });
    ledger.checkpoint({ at: 1 });
    await ledger.flush();
    ledger.decision({ name: "never sent", choice: "lost" });
    say("sent");
    const until = performance.now() + 60_000;
    // Nothing of this process is sent any more: its thread is busy until it is killed.
    while (performance.now() < until);
  },
  { agent: "resuming" },
);
await (runId === undefined ? agent() : ledger.resume(runId, agent));
await ledger.shutdown();
say("done");
