import { setMetadata, setSession, setUser, traceAgent, traceTool, withSpan } from "@arizeai/openinference-core";
import { OpenAIInstrumentation } from "@arizeai/openinference-instrumentation-openai";
import { context, SpanStatusCode, trace } from "@opentelemetry/api";
import { NodeSDK } from "@opentelemetry/sdk-node";
import OpenAI from "openai";
import { RUN } from "./told.ts";
import { converse } from "./with-openai.mjs";

const instrumentation = new OpenAIInstrumentation();
const sdk = new NodeSDK({ serviceName: "desk", instrumentations: [instrumentation] });
sdk.start();
instrumentation.manuallyInstrument(OpenAI);

let here = setSession(context.active(), { sessionId: RUN.session });
here = setUser(here, { userId: RUN.user });
here = setMetadata(here, { agent_version: RUN.version, task_type: RUN.taskType });

await context.with(here, () =>
  converse(new OpenAI({ maxRetries: 0 }), {
    agent: (run) => traceAgent(run, { name: RUN.agent })(),
    tool(name, id, given, run) {
      const called = (_given) => {
        trace.getActiveSpan().setAttribute("tool.id", id);
        return run();
      };
      return traceTool(called, { name })(given);
    },
    retriever: (query, run) =>
      withSpan(run, {
        name: "house-rules",
        kind: "RETRIEVER",
        processOutput: (documents) =>
          Object.fromEntries(
            documents.flatMap(({ id, content }, n) => [
              [`retrieval.documents.${n}.document.id`, id],
              [`retrieval.documents.${n}.document.content`, content],
            ]),
          ),
      })(query),
    guardrail(text, message) {
      const attributes = { "openinference.span.kind": "GUARDRAIL", "input.value": text };
      const span = trace.getTracer("desk").startSpan("no-threats", { attributes });
      span.setStatus({ code: SpanStatusCode.ERROR, message });
      span.end();
    },
  }),
);
await sdk.shutdown();
