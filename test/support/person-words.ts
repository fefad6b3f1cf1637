import { RUNLEDGER } from "@runledger/contract";
import { attributes, type JsonSpan, modelCall, newSpanId, newTraceId, tracesRequest } from "./spans.ts";

/** Where a person's words went, and whom they named. */
export interface SentWords {
  runId: string;
  /** Of the requests for approval, by how they were answered. */
  approvals: Record<"approve" | "deny" | "none", string>;
}

/** Sends a run of a person with a word of its own, `<user>-<field>`, in every field that a word of theirs or about them can be in. */
export async function sendWords(httpUrl: string, apiUrl: string, user: string): Promise<SentWords> {
  const runId = newTraceId();
  const word = (field: string) => `${user}-${field}`;
  const spans = wordySpans(runId, user, word);
  const scope = { name: "test", version: "1" };
  const resource = { attributes: attributes({ "service.name": "test" }) };
  const logRecords = wordyLogs(spans[0], word);
  await post(`${httpUrl}/v1/traces`, tracesRequest(spans));
  await post(`${httpUrl}/v1/logs`, { resourceLogs: [{ resource, scopeLogs: [{ scope, logRecords }] }] });
  const point = { timeUnixNano: now(), asInt: "1", attributes: attributes({ "app.note": word("metric") }) };
  const sum = { aggregationTemporality: 2, isMonotonic: true, dataPoints: [point] };
  const metrics = [{ name: "gen_ai.client.calls", sum }];
  await post(`${httpUrl}/v1/metrics`, { resourceMetrics: [{ resource, scopeMetrics: [{ scope, metrics }] }] });
  await post(`${apiUrl}/v1/kill`, { scope: { run_id: runId }, reason: word("kill") });
  const ask = (answer: "approve" | "deny" | "none") => askApproval(apiUrl, runId, answer, word);
  return { runId, approvals: { approve: await ask("approve"), deny: await ask("deny"), none: await ask("none") } };
}

function wordySpans(runId: string, user: string, word: (field: string) => string): JsonSpan[] {
  const person = { "user.id": user, "session.id": word("session"), [RUNLEDGER.taskId]: word("task") };
  const step = (values: Record<string, string>, error?: string, more: object = {}) =>
    modelCall(
      runId,
      { ...person, ...values },
      { ...(error === undefined ? {} : { status: { code: 2, message: word(error) } }), ...more },
    );
  const call = { type: "tool_call", id: word("call"), name: "pay", arguments: { to: word("asked") } };
  const exception = attributes({ "exception.message": word("exception"), "exception.stacktrace": word("stack") });
  const asked = {
    "gen_ai.system_instructions": JSON.stringify([{ type: "text", content: word("system") }]),
    "gen_ai.input.messages": JSON.stringify([{ role: "user", parts: [{ type: "text", content: word("prompt") }] }]),
    "gen_ai.output.messages": JSON.stringify([{ role: "assistant", parts: [call] }]),
    "app.note": word("attribute"),
  };
  const called = {
    ...{ "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "pay", "gen_ai.tool.call.id": word("call") },
    ...{
      "gen_ai.tool.call.arguments": JSON.stringify({ to: word("arguments") }),
      "gen_ai.tool.call.result": word("result"),
    },
  };
  const decided = {
    ...{ [RUNLEDGER.stepKind]: "decision", [RUNLEDGER.decisionChoice]: word("choice") },
    [RUNLEDGER.stepReason]: word("why"),
  };
  const limit = { [RUNLEDGER.stepKind]: "limit", [RUNLEDGER.limitName]: "steps" };
  const end = {
    ...{ [RUNLEDGER.event]: "run_end", [RUNLEDGER.runStatus]: "failed", [RUNLEDGER.runReason]: word("end") },
    ...{ [RUNLEDGER.runOutcome]: "bad", "gen_ai.operation.name": "invoke_agent" },
    "gen_ai.input.messages": JSON.stringify([{ role: "user", parts: [{ type: "text", content: word("question") }] }]),
    "gen_ai.output.messages": JSON.stringify([
      { role: "assistant", parts: [{ type: "text", content: word("answer") }] },
    ]),
  };
  return [
    step(asked, "error", { events: [{ name: "exception", timeUnixNano: now(), attributes: exception }] }),
    step(called),
    step(decided),
    step(limit, "limit", { name: "limit steps" }),
    step(end, "enderror"),
  ];
}

function wordyLogs(span: JsonSpan | undefined, word: (field: string) => string): object[] {
  const of = { timeUnixNano: now(), traceId: span?.traceId, spanId: span?.spanId };
  const feedback = { "gen_ai.evaluation.name": "feedback", "gen_ai.evaluation.explanation": word("feedback") };
  return [
    { ...of, body: { stringValue: word("logbody") }, attributes: attributes({ "app.note": word("logattribute") }) },
    { ...of, eventName: "gen_ai.evaluation.result", attributes: attributes(feedback) },
  ];
}

async function askApproval(
  apiUrl: string,
  runId: string,
  answer: "approve" | "deny" | "none",
  word: (field: string) => string,
): Promise<string> {
  const approval_id = newSpanId() + newSpanId();
  const asked = { agent: "support", tool: "pay", question: word(`question-${answer}`), arguments: word("approval") };
  await post(`${apiUrl}/v1/approvals`, { approval_id, run_id: runId, ...asked, timeout_ms: 3_600_000 });
  const path = `${apiUrl}/v1/approvals/${approval_id}/${answer}`;
  if (answer !== "none") await post(path, { reason: word(`reason-${answer}`) });
  return approval_id;
}

function now(): string {
  return `${Date.now()}000000`;
}

async function post(url: string, body: object): Promise<void> {
  const headers = { "content-type": "application/json" };
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
}
