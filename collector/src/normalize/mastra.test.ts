import { expect, it } from "vitest";
import { mastra } from "./mastra.ts";
import { createAttributeReader, type SpanView } from "./span-view.ts";

function read(attributes: Record<string, unknown>) {
  const span: SpanView = {
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: "b7ad6b7169203331",
    parentSpanId: "00f067aa0ba902b7",
    name: "span name",
    startTime: "2026-01-02T03:04:05.000000000Z",
    endTime: "2026-01-02T03:04:05.250000000Z",
    statusCode: 1,
    statusMessage: "",
    attributes: new Map(Object.entries(attributes)),
    events: [],
    links: [],
  };
  return mastra.read(span, createAttributeReader(span.attributes), { name: "@mastra/otel-exporter", version: "1" });
}

const CALL = {
  "mastra.span.type": "model_inference",
  "gen_ai.operation.name": "chat",
  "gen_ai.provider.name": "openai.responses",
  "gen_ai.request.model": "gpt-4o",
};

it("reads lists that came as JSON text, and a failure told by the finish reason", () => {
  expect(read({ ...CALL, "gen_ai.response.finish_reasons": '["tool-calls"]' }).llm).toMatchObject({
    provider: "openai",
    finish_reasons: ["tool-calls"],
  });
  const stop = { "gen_ai.request.stop_sequences": '["END"]', "gen_ai.request.seed": 7 };
  expect(JSON.parse(read({ ...CALL, ...stop }).content.parameters ?? "")).toEqual({ stop_sequences: ["END"], seed: 7 });
  expect(read({ ...CALL, "gen_ai.response.finish_reasons": '["error"]' }).error).toEqual({
    type: "error",
    message: null,
  });
});

it("has no time to the first token that is an earlier step's, or a later one's", () => {
  const at = (time: string) => read({ ...CALL, "mastra.completion_start_time": time }).llm?.time_to_first_token_ms;
  expect(at("2026-01-02T03:04:05.100Z")).toBe(100);
  expect(at("2026-01-02T03:04:04.100Z")).toBeNull();
  expect(at("2026-01-02T03:05:04.100Z")).toBeNull();
});

it("takes no answer for an answer without words", () => {
  const said = (content: string) => JSON.stringify([{ role: "assistant", parts: [{ type: "text", content }] }]);
  expect(read({ ...CALL, "gen_ai.output.messages": said("") }).content.response).toBeUndefined();
  expect(read({ ...CALL, "gen_ai.output.messages": said("Hi") }).content.response).toBe(said("Hi"));
});

it("has input, output and the provider's answer of a step", () => {
  const { kind, operation, content } = read({
    "mastra.span.type": "model_step",
    "gen_ai.operation.name": "agent_step",
    "mastra.model_step.input": "[]",
    "mastra.model_step.output": '{"text":"Hi"}',
    "mastra.metadata.body": '{"id":"x"}',
  });
  expect({ kind, operation }).toEqual({ kind: "other", operation: "agent_step" });
  expect(content).toEqual({ input: "[]", output: '{"text":"Hi"}', raw_response: '{"id":"x"}' });
});

it("takes the memory's resource for the user when nobody says who that is", () => {
  const step = { "mastra.span.type": "agent_run", "gen_ai.operation.name": "invoke_agent" };
  expect(read({ ...step, "mastra.metadata.resourceId": "r" }).run.user_id).toBe("r");
  expect(read({ ...step, "mastra.metadata.resourceId": "r", "mastra.metadata.userId": "u" }).run.user_id).toBe("u");
});
