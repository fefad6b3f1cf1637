import { OpenAIAgentsInstrumentation } from "@arizeai/openinference-instrumentation-openai-agents";
import * as agents from "@openai/agents";
import { NodeSDK } from "@opentelemetry/sdk-node";
import OpenAI from "openai";
import { EARLIER, PICTURE, QUESTION, RUN, SETTINGS, SYSTEM, TOOLS } from "./told.ts";

const sdk = new NodeSDK({ serviceName: "desk" });
sdk.start();
new OpenAIAgentsInstrumentation().manuallyInstrument(agents);

const tools = Object.entries(TOOLS).map(([name, { description, parameters, execute }]) =>
  agents.tool({
    name,
    description,
    parameters: { ...parameters, additionalProperties: false },
    execute,
    errorFunction: (_context, error) => error.message,
  }),
);
const { temperature, topP, maxTokens } = SETTINGS;
const inputGuardrails = [
  {
    name: "no-threats",
    execute: async ({ input }) => ({
      tripwireTriggered: JSON.stringify(input).includes("threat"),
      outputInfo: { why: "no threats here" },
    }),
  },
];
const agent = new agents.Agent({
  name: RUN.agent,
  model: "gpt-4o",
  modelSettings: { temperature, topP, maxTokens },
  instructions: SYSTEM,
  tools,
  inputGuardrails,
});
const [good, morning] = EARLIER;
const input = [
  { role: "user", content: good.content },
  { role: "assistant", status: "completed", content: [{ type: "output_text", text: morning.content }] },
  {
    role: "user",
    content: [
      { type: "input_text", text: QUESTION },
      { type: "input_image", image: PICTURE },
    ],
  },
];
agents.setDefaultOpenAIClient(new OpenAI({ maxRetries: 0 }));
const runner = new agents.Runner({
  groupId: RUN.session,
  workflowName: RUN.taskType,
  traceMetadata: { user_id: RUN.user },
});
await (await runner.run(agent, input, { stream: true })).completed;
for (const words of ["Once more?", "And again?", "a threat"]) await runner.run(agent, words).catch(() => {});
await agents.getGlobalTraceProvider().forceFlush();
await sdk.shutdown();
