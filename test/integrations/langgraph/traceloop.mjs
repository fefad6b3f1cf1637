// #region docs
import { trace } from "@opentelemetry/api";
import { NodeSDK } from "@opentelemetry/sdk-node";
import { LangChainInstrumentation } from "@traceloop/instrumentation-langchain";

const sdk = new NodeSDK({ serviceName: "weather-agent", instrumentations: [new LangChainInstrumentation()] });
sdk.start(); // sends to OTEL_EXPORTER_OTLP_ENDPOINT

/** Each callback's span is a trace of its own unless one is active around all of them. */
const asRun = (name, session, run) => {
  const attributes = {
    "gen_ai.operation.name": "invoke_agent",
    "gen_ai.agent.name": name,
    "gen_ai.conversation.id": session,
  };
  return trace
    .getTracer("my-agent")
    .startActiveSpan(`invoke_agent ${name}`, { attributes }, (span) => run().finally(() => span.end()));
};

// #endregion
import { ask, askStreaming } from "./agent.mjs";

console.log(await asRun("weather", "session-7", process.env.STREAMING ? askStreaming : ask));
await sdk.shutdown();
