// #region docs
import { OpenAIAgentsInstrumentation } from "@arizeai/openinference-instrumentation-openai-agents";
import * as agents from "@openai/agents";
import { NodeSDK } from "@opentelemetry/sdk-node";

const sdk = new NodeSDK({ serviceName: "shop" }); // sends to OTEL_EXPORTER_OTLP_ENDPOINT, or to localhost:4318
sdk.start();
new OpenAIAgentsInstrumentation().manuallyInstrument(agents); // instead of the traces to OpenAI

// #endregion
import { z } from "zod";

const { Agent, run, tool } = agents;

const findOrder = tool({
  name: "find_order",
  description: "An order by its number",
  parameters: z.object({ number: z.string() }),
  execute: ({ number }) => ({ number, total: 129, paid: "twice" }),
});
const refund = tool({
  name: "refund",
  description: "Pays back",
  parameters: z.object({ number: z.string(), amount: z.number() }),
  execute: () => {
    throw new Error("the till is closed");
  },
});

const billing = new Agent({
  name: "billing",
  model: "gpt-4o",
  instructions: "You settle bills.",
  tools: [findOrder, refund],
});
const triage = new Agent({
  name: "triage",
  model: "gpt-4o-mini",
  instructions: "You hand over to who can help.",
  handoffs: [billing],
  inputGuardrails: [
    {
      name: "no insults",
      execute: async ({ input }) => ({ tripwireTriggered: JSON.stringify(input).includes("fool"), outputInfo: {} }),
    },
  ],
});

const result = await run(triage, "Order 7 was charged twice.");
console.log(result.finalOutput);
const streamed = await run(billing, "Thank you!", { stream: true });
await streamed.completed;
await run(triage, "You fool!").catch(({ name }) => console.log(name));
await agents.getGlobalTraceProvider().forceFlush();
await sdk.shutdown();
