import { openai } from "@ai-sdk/openai";
import { OpenTelemetry } from "@ai-sdk/otel";
import { NodeSDK } from "@opentelemetry/sdk-node";
import { createRunledger } from "@runledger/sdk";
import { embed, embedMany, generateText, registerTelemetry, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

// Both of the AI SDK's ways to be seen, at once: its own telemetry, and our wrapper.
const sdk = new NodeSDK({ serviceName: "support" });
sdk.start();
registerTelemetry(new OpenTelemetry());
const ledger = createRunledger();

async function supportAgent(prompt) {
  console.log(`run ${ledger.runId()}`);
  const find_order = tool({
    description: "An order by its number",
    inputSchema: z.object({ order: z.string() }),
    execute: () => ({ state: "shipped" }),
  });
  const model = openai.chat("gpt-4o");
  const embedding = openai.embedding("text-embedding-3-small");
  await embed({ model: embedding, value: prompt });
  await embedMany({ model: embedding, values: [prompt, "Where is B-2?"] });
  await Promise.all(["C-3?", "Where is it that D-4 is?"].map((value) => embed({ model: embedding, value })));
  const { text } = await generateText({ model, prompt, tools: { find_order }, stopWhen: stepCountIs(5) });
  const { textStream } = streamText({ model, prompt: `In Norwegian: ${text}` });
  for await (const _ of textStream);
  await generateText({ model, prompt: "Never", maxRetries: 0 }).catch(() => {});
}

await ledger.wrap(supportAgent, { agent: "support" })("Where is A-1?");
await sdk.shutdown();
