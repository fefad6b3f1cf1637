// #region docs
import { openai } from "@ai-sdk/openai";
import { Agent } from "@mastra/core/agent";
import { createTool } from "@mastra/core/tools";
import { createRunledger } from "@runledger/sdk";

export const ledger = createRunledger();
export const support = ledger.wrap(supportAgent, { agent: "support", limits: { steps: 20 } });

// #endregion
import { z } from "zod";

async function supportAgent(question) {
  console.log(`run ${ledger.runId()}`);
  const find_order = createTool({
    id: "find_order",
    description: "An order by its number",
    inputSchema: z.object({ order: z.string() }),
    execute: async () => ({ state: "shipped" }),
  });
  const agent = new Agent({
    id: "support",
    name: "support",
    instructions: "You help.",
    model: openai("gpt-4o"),
    tools: { find_order },
  });
  const { text } = await agent.generate(question);
  return text;
}

console.log(await support("Where is A-1?"));
