const { registerInstrumentations } = require("@opentelemetry/instrumentation");
const { OpenAIInstrumentation } = require("@opentelemetry/instrumentation-openai");
const { NodeSDK } = require("@opentelemetry/sdk-node");

const sdk = new NodeSDK({ serviceName: "desk" });
sdk.start();
registerInstrumentations({ instrumentations: [new OpenAIInstrumentation({ captureMessageContent: true })] });
const OpenAI = require("openai");
const { SpanStatusCode, trace } = require("@opentelemetry/api");

const tracer = trace.getTracer("desk");

/** A span as the conventions have it, around what it tells of. */
function span(name, attributes, run, attributesOf) {
  return tracer.startActiveSpan(name, { attributes }, async (active) => {
    try {
      const output = await run();
      active.setAttributes(attributesOf?.(output) ?? {});
      return output;
    } catch (error) {
      active.setAttribute("error.type", error.name);
      active.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
      throw error;
    } finally {
      active.end();
    }
  });
}

async function main() {
  const { RUN } = await import("../conversation/told.ts");
  const { converse } = await import("../conversation/with-openai.mjs");
  const about = {
    "gen_ai.operation.name": "invoke_agent",
    "gen_ai.agent.name": RUN.agent,
    "gen_ai.agent.version": RUN.version,
    "gen_ai.conversation.id": RUN.session,
    "user.id": RUN.user,
    "runledger.task.type": RUN.taskType,
  };
  await converse(new OpenAI({ maxRetries: 0 }), {
    agent: (run) => span(`invoke_agent ${RUN.agent}`, about, run),
    tool(name, id, given, run) {
      const attributes = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": name,
        "gen_ai.tool.call.id": id,
        "gen_ai.tool.call.arguments": JSON.stringify(given),
      };
      return span(`execute_tool ${name}`, attributes, run, (output) => ({
        "gen_ai.tool.call.result": JSON.stringify(output),
      }));
    },
    retriever(query, run) {
      const attributes = { "gen_ai.operation.name": "retrieval", "gen_ai.retrieval.query.text": query };
      return span("retrieval rules", attributes, run, (documents) => ({
        "gen_ai.retrieval.documents": JSON.stringify(documents),
      }));
    },
  });
  await sdk.shutdown();
}
void main();
