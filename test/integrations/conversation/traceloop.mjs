import { SpanStatusCode, trace } from "@opentelemetry/api";
import { NodeSDK } from "@opentelemetry/sdk-node";
import { OpenAIInstrumentation } from "@traceloop/instrumentation-openai";
import OpenAI from "openai";
import { RUN } from "./told.ts";
import { converse } from "./with-openai.mjs";

const instrumentation = new OpenAIInstrumentation();
const sdk = new NodeSDK({ serviceName: "desk", instrumentations: [instrumentation] });
sdk.start();
instrumentation.manuallyInstrument(OpenAI);

/** What the Traceloop SDK's withAgent, withTool and withTask do. */
const tracer = trace.getTracer("@traceloop/node-server-sdk");
function entity(kind, name, given, run) {
  const attributes = {
    "traceloop.span.kind": kind,
    "traceloop.entity.name": name,
    "traceloop.workflow.name": RUN.agent,
    "traceloop.association.properties.session_id": RUN.session,
    "traceloop.association.properties.user_id": RUN.user,
    "traceloop.association.properties.agent_version": RUN.version,
    "traceloop.association.properties.task_type": RUN.taskType,
    "traceloop.entity.input": JSON.stringify({ args: [given], kwargs: {} }),
  };
  return tracer.startActiveSpan(`${name}.${kind}`, { attributes }, async (span) => {
    try {
      const output = await run();
      span.setAttribute("traceloop.entity.output", JSON.stringify(output ?? null));
      return output;
    } catch (error) {
      span.recordException(error);
      span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
      throw error;
    } finally {
      span.end();
    }
  });
}

await converse(new OpenAI({ maxRetries: 0 }), {
  agent: (run) => entity("agent", RUN.agent, {}, run),
  tool: (name, _id, given, run) => entity("tool", name, given, run),
  retriever: (query, run) => entity("task", "house-rules", query, run),
  guardrail(text, message) {
    const attributes = {
      "gen_ai.guardrail.name": "no-threats",
      "gen_ai.guardrail.input": text,
      "gen_ai.guardrail.status": "FAILED",
      "gen_ai.guardrail.error.message": message,
    };
    tracer.startSpan("no-threats.guardrail", { attributes }).end();
  },
});
await sdk.shutdown();
