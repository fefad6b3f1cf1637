// An agent of each framework whose model asks for a tool for ever, held to two steps, with the framework's own retries left as they are.
import { createOpenAI } from "@ai-sdk/openai";
import { tool as langchainTool } from "@langchain/core/tools";
import { createReactAgent } from "@langchain/langgraph/prebuilt";
import { ChatOpenAI } from "@langchain/openai";
import { Agent as MastraAgent } from "@mastra/core/agent";
import { Agent, tool as agentsTool, run, setTracingDisabled } from "@openai/agents";
import { AgentStopped, createRunledger } from "@runledger/sdk";
import { tool as aiTool, generateText, stepCountIs, streamText } from "ai";
import { z } from "zod";

setTracingDisabled(true);
const ledger = createRunledger();
const openai = createOpenAI();
const schema = z.object({ order: z.string() });
const find = { name: "find_order", description: "An order", execute: () => "shipped" };
const tools = { find_order: aiTool({ inputSchema: schema, execute: find.execute }) };
const model = openai.chat("gpt-4o");
const stopWhen = stepCountIs(9);
const prompt = "Where is A-1?";

const agents = {
  ai: async () => (await generateText({ model, prompt, tools, stopWhen })).text,
  "ai-stream": async () => await streamText({ model, prompt, tools, stopWhen, onError() {} }).text,
  langgraph: async () =>
    await createReactAgent({
      llm: new ChatOpenAI({ model: "gpt-4o" }),
      tools: [langchainTool(find.execute, { ...find, schema })],
    }).invoke({ messages: [{ role: "user", content: prompt }] }),
  "openai-agents": async () =>
    await run(
      new Agent({
        name: "a",
        model: "gpt-4o",
        instructions: "i",
        tools: [agentsTool({ ...find, parameters: schema })],
      }),
      prompt,
    ),
  mastra: async () =>
    await new MastraAgent({ id: "a", name: "a", instructions: "i", model, tools: {} }).generate(prompt, {
      maxSteps: 9,
    }),
};
await Promise.all(
  Object.entries(agents).map(async ([name, work]) => {
    const agent = ledger.wrap(
      async () => {
        console.log(`run ${ledger.runId()}`);
        return await work();
      },
      { agent: name, limits: { steps: 2 } },
    );
    const error = await agent().catch((thrown) => thrown);
    console.log(`${name}: ${error instanceof AgentStopped ? error.reason : error}`);
  }),
);
await ledger.shutdown();
process.exit(0); // frameworks that still wait to try again
