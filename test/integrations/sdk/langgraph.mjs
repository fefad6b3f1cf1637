// #region docs
import { createReactAgent } from "@langchain/langgraph/prebuilt";
import { ChatOpenAI } from "@langchain/openai";
import { createRunledger } from "@runledger/sdk";

export const ledger = createRunledger();
const graph = createReactAgent({ llm: new ChatOpenAI({ model: "gpt-4o" }), tools: tools() });
export const support = ledger.wrap(supportAgent, { agent: "support", limits: { steps: 20 } });

// #endregion
import { tool } from "@langchain/core/tools";
import { z } from "zod";

function tools() {
  const schema = z.object({ order: z.string() });
  return [tool(() => '{"state":"shipped"}', { name: "find_order", description: "An order by its number", schema })];
}

async function supportAgent(content) {
  console.log(`run ${ledger.runId()}`);
  const { messages } = await graph.invoke({ messages: [{ role: "user", content }] });
  return messages.at(-1).content;
}

console.log(await support("Where is A-1?"));
