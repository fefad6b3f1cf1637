// #region docs
import { openai } from "@ai-sdk/openai";
import { createRunledger } from "@runledger/sdk";
import { generateText, stepCountIs, streamText, tool } from "ai";

export const ledger = createRunledger();
export const support = ledger.wrap(supportAgent, { agent: "support", limits: { steps: 20 } });

// #endregion
import { z } from "zod";

async function supportAgent(prompt) {
  console.log(`run ${ledger.runId()}`);
  const find_order = tool({
    description: "An order by its number",
    inputSchema: z.object({ order: z.string() }),
    execute: () => ({ state: "shipped" }),
  });
  const model = openai.chat("gpt-4o");
  const { text } = await generateText({ model, prompt, tools: { find_order }, stopWhen: stepCountIs(5) });
  const { textStream } = streamText({ model, prompt: `In Norwegian: ${text}` });
  let answer = "";
  for await (const piece of textStream) answer += piece;
  return answer;
}

console.log(await support("Where is A-1?"));
