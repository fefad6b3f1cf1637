// #region docs
import { LangChainInstrumentation } from "@arizeai/openinference-instrumentation-langchain";
import * as callbacks from "@langchain/core/callbacks/manager";
import { NodeSDK } from "@opentelemetry/sdk-node";

const instrumentation = new LangChainInstrumentation();
const sdk = new NodeSDK({ serviceName: "weather-agent", instrumentations: [instrumentation] });
sdk.start(); // sends to OTEL_EXPORTER_OTLP_ENDPOINT
instrumentation.manuallyInstrument(callbacks); // LangChain's ES modules are not patched by themselves

// #endregion
import { ask, askStreaming } from "./agent.mjs";

console.log(await (process.env.STREAMING ? askStreaming() : ask()));
await sdk.shutdown();
