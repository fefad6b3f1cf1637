import { createHash } from "node:crypto";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { canonicalJson } from "@runledger/contract";
import type { RecordedRun, RecordedStep } from "../replay/recorded-run.ts";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/** A run as `ledger.recordedRun` gives it, out of the steps that left the process. The real way, by a collector and its API, is in the end-to-end tests. */
export function recordedRunOf(steps: readonly ReadableSpan[]): RecordedRun {
  const own = steps.flatMap((span, seq): RecordedStep[] => {
    const { attributes, name, status } = span;
    const text = (key: string) => (attributes[key] === undefined ? undefined : String(attributes[key]));
    const hash = (key: string) => (attributes[key] === undefined ? null : sha256(String(attributes[key])));
    const error = status.code === 2 ? { type: text("error.type") ?? "error", message: status.message ?? null } : null;
    const step = { seq, stepId: span.spanContext().spanId, name, error, content: "available" };
    if (attributes["runledger.step.kind"] === "llm") {
      const http = attributes["http.response.status_code"];
      const messages = text("gen_ai.input.messages");
      const model = {
        model: text("gen_ai.request.model") ?? null,
        promptSha256: hash("gen_ai.input.messages"),
        systemPromptSha256: hash("gen_ai.system_instructions"),
        toolsSha256: hash("gen_ai.tool.definitions"),
        messages: messages === undefined ? [] : JSON.parse(messages),
        streaming: attributes["gen_ai.request.stream"] === true,
        status: typeof http === "number" ? http : null,
        body: text("runledger.response.body") ?? null,
      };
      return [{ ...step, model }];
    }
    if (attributes["runledger.step.kind"] !== "tool" || attributes["runledger.tool.inferred"] === true) return [];
    const result = text("gen_ai.tool.call.result");
    const tool = {
      name: text("gen_ai.tool.name") ?? "",
      argumentsSha256: sha256(canonicalJson(JSON.parse(text("gen_ai.tool.call.arguments") ?? "{}"))),
      result: result === undefined ? undefined : JSON.parse(result),
      confirmed: attributes["runledger.tool.confirmed"] as boolean | undefined,
      fallback: attributes["runledger.tool.fallback"] === true,
      repeated: attributes["runledger.tool.same_as"] !== undefined,
    };
    return [{ ...step, tool }];
  });
  return { runId: steps[0]?.spanContext().traceId ?? "", steps: own };
}
