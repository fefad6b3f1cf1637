import { LangfuseSpanProcessor } from "@langfuse/otel";
import { observe, propagateAttributes, startActiveObservation, startObservation } from "@langfuse/tracing";
import { NodeSDK } from "@opentelemetry/sdk-node";

const spanProcessor = new LangfuseSpanProcessor({ environment: "staging", release: "v7" });
const sdk = new NodeSDK({ serviceName: "weather", spanProcessors: [spanProcessor] });
sdk.start();

/** An observation of this type that has ended. */
function done(name, asType, attributes) {
  startObservation(name, attributes, { asType }).end();
}

await startActiveObservation("answer-ticket", (root) =>
  propagateAttributes({ sessionId: "session-1", userId: "user-1", traceName: "ticket", tags: ["eu"] }, async () => {
    root.update({ input: { ticket: 7 } });
    done("handbook", "retriever", { input: { query: "rain" }, output: [{ id: "p12", text: "Take a coat." }] });
    done("no-secrets", "guardrail", { input: "Take a coat.", output: { passed: true } });
    done("no-insults", "guardrail", { input: "You fool", level: "ERROR", statusMessage: "an insult" });
    done("is-helpful", "evaluator", { input: "Take a coat.", output: { score: 0.9 } });
    done("index", "embedding", { model: "text-embedding-3-small", input: ["rain"], usageDetails: { input: 8 } });
    startObservation("cache-miss", { input: "rain", level: "WARNING" }, { asType: "event" });
    done("claude", "generation", {
      model: "claude-sonnet-4-5",
      modelParameters: { max_tokens: 500 },
      input: [{ role: "user", content: [{ type: "text", text: "Rain?" }] }],
      output: {
        role: "assistant",
        content: [
          { type: "text", text: "I shall look." },
          { type: "tool_use", id: "toolu_1", name: "look_outside", input: { window: 2 } },
        ],
      },
      usageDetails: { input: 10, output: 5, cache_read_input_tokens: 100, cache_creation_input_tokens: 20 },
      costDetails: { total: 0.01 },
      prompt: { name: "rain", version: 3, isFallback: false },
    });
    const chain = observe(
      async () => {
        throw new RangeError("too wet");
      },
      { name: "go-out", asType: "chain" },
    );
    await chain().catch(() => {});
    root.update({ output: "Take a coat." });
  }),
);
await sdk.shutdown();
