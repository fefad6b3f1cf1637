import { GEN_AI, OTEL, RUNLEDGER, type RunFacts, type SpanOrigin } from "@runledger/contract";
import type { AttributeReader } from "./span-view.ts";

/** What a span of any dialect may tell of its run: in our own words, OpenTelemetry's, and those that Langfuse puts on the spans of others. */
const WORDS = {
  taskId: [RUNLEDGER.taskId],
  taskType: [RUNLEDGER.taskType],
  traceName: ["langfuse.trace.name"],
  version: [GEN_AI.agentVersion, "langfuse.version"],
  session: [GEN_AI.conversationId, OTEL.sessionId],
  user: [OTEL.userId, OTEL.enduserId],
} as const;

/** Adds what the span's dialect did not tell; of the task, our own words go before it. */
export function withSharedWords(
  run: RunFacts,
  attributes: AttributeReader,
  resource: SpanOrigin["resource"],
): RunFacts {
  return withWordsOfProcess(withWordsOfSpan(run, attributes), resource);
}

/** What a process tells of itself holds for its spans and logs that say nothing else. */
export function withWordsOfProcess(run: RunFacts, resource: SpanOrigin["resource"]): RunFacts {
  run.agent_name ??= textOf(resource[GEN_AI.agentName]);
  run.agent_version ??= textOf(resource[GEN_AI.agentVersion]);
  run.session_id ??= textOf(resource[OTEL.sessionId]);
  run.user_id ??= textOf(resource[OTEL.userId]) ?? textOf(resource[OTEL.enduserId]);
  return run;
}

function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

function withWordsOfSpan(run: RunFacts, attributes: AttributeReader): RunFacts {
  const { taskId, taskType, traceName, version, session, user } = attributes.among(WORDS);
  const keys = taskId.length + taskType.length + traceName.length + version.length + session.length + user.length;
  if (keys === 0) return run;
  return {
    task_id: attributes.firstText(taskId) ?? run.task_id,
    task_type: attributes.firstText(taskType) ?? run.task_type ?? attributes.firstText(traceName),
    agent_name: run.agent_name,
    agent_version: run.agent_version ?? attributes.firstText(version),
    session_id: run.session_id ?? attributes.firstText(session),
    user_id: run.user_id ?? attributes.firstText(user),
    heartbeat_interval_ms: run.heartbeat_interval_ms,
  };
}
