import { createRunledger } from "@runledger/sdk";
import OpenAI from "openai";

const openai = new OpenAI(); // OPENAI_API_KEY, OPENAI_BASE_URL
const ledger = createRunledger(); // RUNLEDGER_ENDPOINT, http://127.0.0.1:4317 if unset

const answer = ledger.wrap(
  async (question: string) => {
    const completion = await openai.chat.completions.create({
      model: "gpt-4o-mini",
      messages: [{ role: "user", content: question }],
    });
    return completion.choices[0]?.message.content;
  },
  { agent: "first-agent", version: "1.0.0", limits: { steps: 20, tokens: 100_000, wallMs: 120_000 } },
);

process.stdout.write(`${await answer("What does a flight recorder record?")}\n`);
await ledger.shutdown();
