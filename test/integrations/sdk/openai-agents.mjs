// #region docs
import { Agent, run, setTracingDisabled, tool } from "@openai/agents";
import { createRunledger } from "@runledger/sdk";

setTracingDisabled(true); // else they also send their traces to OpenAI
export const ledger = createRunledger();
export const support = ledger.wrap(supportAgent, { agent: "support", limits: { steps: 20 } });

// #endregion
import { z } from "zod";

async function supportAgent(question) {
  console.log(`run ${ledger.runId()}`);
  const findOrder = tool({
    name: "find_order",
    description: "An order by its number",
    parameters: z.object({ order: z.string() }),
    execute: () => ({ state: "shipped" }),
  });
  const agent = new Agent({ name: "support", model: "gpt-4o", instructions: "You help.", tools: [findOrder] });
  const { finalOutput } = await run(agent, question);
  return finalOutput;
}

console.log(await support("Where is A-1?"));
