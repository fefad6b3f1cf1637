import { createRunledger } from "../index.ts";

/** An agent that pays, keeps a checkpoint and is killed in its next payment; started again with the run's id it goes on. */
const ledger = createRunledger({
  spoolDir: "off",
  approver: { request: async () => ({ approved: true, by: "test", reason: null }) },
});
const [runId] = process.argv.slice(2);
const say = (line: string) => process.stdout.write(`${line}\n`);
const pay = ledger.tool({
  name: "pay",
  input: { type: "object", properties: { invoice: { type: "integer" } } },
  sideEffect: "irreversible",
  run: async (input) => {
    say(`paying ${JSON.stringify(input)}`);
    if ((input as { invoice: number }).invoice === 3 && runId === undefined) process.kill(process.pid, "SIGKILL");
    return "paid";
  },
});
const agent = ledger.wrap(
  async () => {
    const done = (ledger.resumedState() as { done: number } | undefined)?.done ?? 0;
    say(`run ${ledger.runId()} from ${done}`);
    for (let invoice = 1; invoice <= 3; invoice++) {
      const answer = await pay({ invoice }, { idempotencyKey: `invoice-${invoice}` }).catch((error) => error.code);
      say(`${invoice}: ${answer}`);
      if (invoice === 1) ledger.checkpoint({ done: 1 });
      if (invoice === 2) await ledger.flush();
    }
  },
  { agent: "payer", limits: { steps: 100 } },
);
await (runId === undefined ? agent() : ledger.resume(runId, agent));
say(`steps ${JSON.stringify(ledger.stats().failures)}`);
