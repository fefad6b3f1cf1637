// #region docs
import { NodeSDK } from "@opentelemetry/sdk-node";

const sdk = new NodeSDK({ serviceName: "weather" }); // sends to OTEL_EXPORTER_OTLP_ENDPOINT, or to localhost:4318
sdk.start();

// #endregion
import { trace } from "@opentelemetry/api";
import OpenAI from "openai";

const tracer = trace.getTracer("my-agent", "1.0.0");
const client = new OpenAI();

async function ask(messages) {
  return await tracer.startActiveSpan("chat gpt-4o", async (span) => {
    const completion = await client.chat.completions.create({ model: "gpt-4o", messages });
    const [choice] = completion.choices;
    span.setAttributes({
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": "openai",
      "gen_ai.request.model": "gpt-4o",
      "gen_ai.response.model": completion.model,
      "gen_ai.response.id": completion.id,
      "gen_ai.response.finish_reasons": [choice.finish_reason],
      "gen_ai.usage.input_tokens": completion.usage.prompt_tokens,
      "gen_ai.usage.output_tokens": completion.usage.completion_tokens,
      "gen_ai.input.messages": JSON.stringify(
        messages.map(({ role, content }) => ({ role, parts: [{ type: "text", content }] })),
      ),
      "gen_ai.output.messages": JSON.stringify([
        { role: "assistant", parts: [{ type: "text", content: choice.message.content }] },
      ]),
    });
    span.end();
    return choice.message.content;
  });
}

const agent = { "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "weather" };
await tracer.startActiveSpan("invoke_agent weather", { attributes: agent }, async (root) => {
  await ask([{ role: "user", content: "Will it rain in Oslo?" }]);
  root.end();
});
await sdk.shutdown();
