import { LangChainInstrumentation } from "@arizeai/openinference-instrumentation-langchain";
import * as callbacks from "@langchain/core/callbacks/manager";
import { tool } from "@langchain/core/tools";
import { createReactAgent } from "@langchain/langgraph/prebuilt";
import { ChatOpenAI } from "@langchain/openai";
import { NodeSDK } from "@opentelemetry/sdk-node";
import { z } from "zod";
import { EARLIER, PICTURE, QUESTION, RUN, SETTINGS, SYSTEM, TOOLS } from "./told.ts";

const instrumentation = new LangChainInstrumentation();
const sdk = new NodeSDK({ serviceName: "desk", instrumentations: [instrumentation] });
sdk.start();
instrumentation.manuallyInstrument(callbacks);

const schema = z.object({ number: z.string() });
const tools = Object.entries(TOOLS).map(([name, { description, execute }]) =>
  tool(execute, { name, description, schema }),
);
const { temperature, topP, maxTokens, stop } = SETTINGS;
const picture = { type: "image_url", image_url: { url: PICTURE } };
const messages = [...EARLIER, { role: "user", content: [{ type: "text", text: QUESTION }, picture] }];
const { agent: name, session, user, version, taskType } = RUN;
const metadata = { user_id: user, agent_version: version, task_type: taskType };
const config = { configurable: { thread_id: session }, metadata };
const model = { model: "gpt-4o", maxRetries: 0, temperature, topP, maxTokens, stop };
const agent = createReactAgent({ name, llm: new ChatOpenAI(model), tools, prompt: SYSTEM });

for await (const _message of await agent.stream({ messages }, { ...config, streamMode: "messages" }));
for (const content of ["Once more?", "And again?"])
  await agent.invoke({ messages: [{ role: "user", content }] }, config).catch(() => {});
await sdk.shutdown();
