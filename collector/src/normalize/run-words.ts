import { GEN_AI, OTEL, RUNLEDGER, type RunFacts } from "@runledger/contract";
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
export function withSharedWords(run: RunFacts, attributes: AttributeReader): RunFacts {
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
