// #region docs
import { NodeSDK } from "@opentelemetry/sdk-node";
import { createRunledger } from "@runledger/sdk";
import { OpenAIInstrumentation } from "@traceloop/instrumentation-openai";
import OpenAI from "openai";

const instrumentation = new OpenAIInstrumentation();
const sdk = new NodeSDK({ serviceName: "support", instrumentations: [instrumentation] }); // to OTEL_EXPORTER_OTLP_ENDPOINT
sdk.start();
instrumentation.manuallyInstrument(OpenAI);
const ledger = createRunledger(); // to RUNLEDGER_ENDPOINT
export const support = ledger.wrap(supportAgent, { agent: "support", limits: { steps: 20 } });

// #endregion
import { trace } from "@opentelemetry/api";

const client = new OpenAI();
async function supportAgent(content) {
  console.log(`run ${ledger.runId()}`);
  const options = { model: "gpt-4o", messages: [{ role: "user", content }] };
  await client.chat.completions.create(options);
  const stream = await client.chat.completions.create({
    ...options,
    stream: true,
    stream_options: { include_usage: true },
  });
  for await (const _ of stream);
}

// As a web server's instrumentation has it: the agent is called within a span.
await trace.getTracer("server").startActiveSpan("POST /support", async (span) => {
  await support("Where is A-1?");
  const same = trace.getActiveSpan()?.spanContext().spanId === span.spanContext().spanId;
  console.log(`the server's span is ${same ? "still" : "no longer"} the active one`);
  span.end();
});
await sdk.shutdown();
