import { observeOpenAI } from "@langfuse/openai";
import { LangfuseSpanProcessor } from "@langfuse/otel";
import { setLangfuseTracerProvider } from "@langfuse/tracing";
import { NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import { createRunledger } from "@runledger/sdk";
import OpenAI from "openai";

const langfuse = new NodeTracerProvider({ spanProcessors: [new LangfuseSpanProcessor()] });
setLangfuseTracerProvider(langfuse);
const ledger = createRunledger();
const openai = observeOpenAI(new OpenAI({ maxRetries: 0 }));

async function supportAgent(content) {
  console.log(`run ${ledger.runId()}`);
  const request = { model: "gpt-4o", messages: [{ role: "user", content }] };
  await openai.chat.completions.create(request);
  const options = { stream: true, stream_options: { include_usage: true } };
  for await (const _ of await openai.chat.completions.create({ ...request, ...options }));
  await openai.chat.completions.create({ ...request, messages: [{ role: "user", content: "Never" }] }).catch(() => {});
}

await ledger.wrap(supportAgent, { agent: "support" })("Where is A-1?");
await langfuse.shutdown();
