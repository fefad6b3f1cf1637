import { createRunledger } from "@runledger/sdk";

/**
 * An agent in a process of its own that asks its model and calls a tool with the same arguments, again and again, until somebody stops it.
 * A line of JSON for each fact: `started`, `looping` (the third call of the tool has ended), `refused`.
 */
const { OPENAI_BASE_URL = "", AGENT = "looper", ROUNDS = "1", PAUSE_MS = "50" } = process.env;
const ledger = createRunledger({ spoolDir: "off" });
const search = ledger.tool({ name: "search", input: { type: "object" }, run: () => "nothing found" });
const tell = (fact: object) => process.stdout.write(`${JSON.stringify({ ...fact, atMs: Date.now() })}\n`);

const agent = ledger.wrap(
  async () => {
    tell({ event: "started", runId: ledger.runId() });
    for (let round = 1; ; round++) {
      const body = JSON.stringify({ model: "gpt-4o", messages: [{ role: "user", content: "Search." }] });
      const headers = { "content-type": "application/json" };
      const response = await fetch(`${OPENAI_BASE_URL}/chat/completions`, { method: "POST", headers, body });
      await response.text();
      await search({ q: "x" });
      if (round === 3) tell({ event: "looping", runId: ledger.runId() });
      await new Promise((resolve) => setTimeout(resolve, Number(PAUSE_MS)));
    }
  },
  { agent: AGENT, taskType: "looping" },
);

for (let round = 0; round < Number(ROUNDS); round++) {
  await agent().catch((error: unknown) => {
    const { name, message } = error instanceof Error ? error : { name: "", message: String(error) };
    tell({ event: "refused", name, message });
  });
}
