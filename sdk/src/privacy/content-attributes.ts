import { GEN_AI, OTEL, RUNLEDGER } from "@runledger/contract";

/**
 * What an attribute may hold. `fact`: made by the SDK, or a name, id or number of an API; nobody's words. `label`: a name that the agent's owner or a
 * model chose, which lists and figures are made by; never withheld, but looked through. Everything else is content: a new attribute is, until it is
 * named here.
 */
export type AttributeClass = "fact" | "label" | "content";

const FACTS: ReadonlySet<string> = new Set([
  ...[
    RUNLEDGER.event,
    RUNLEDGER.stepKind,
    RUNLEDGER.runId,
    RUNLEDGER.runSeq,
    RUNLEDGER.runStatus,
    RUNLEDGER.runRecords,
  ],
  ...[RUNLEDGER.runPrev, RUNLEDGER.heartbeatIntervalMs, RUNLEDGER.checkpointId, RUNLEDGER.checkpointRecords],
  ...[RUNLEDGER.toolRequestedBy, RUNLEDGER.toolSideEffect, RUNLEDGER.toolSameAs, RUNLEDGER.limitName],
  ...[RUNLEDGER.artifactSha256, RUNLEDGER.artifactEncoding, RUNLEDGER.killId, RUNLEDGER.replayOf, RUNLEDGER.sdkVersion],
  ...[GEN_AI.operationName, GEN_AI.providerName, GEN_AI.toolType, OTEL.serverAddress],
]);

const LABELS: ReadonlySet<string> = new Set([
  ...[GEN_AI.agentName, GEN_AI.agentVersion, GEN_AI.requestModel, GEN_AI.responseModel, GEN_AI.toolName],
  ...[GEN_AI.evaluationName, GEN_AI.evaluationLabel, GEN_AI.memoryStoreId, GEN_AI.memoryRecordId],
  ...[OTEL.sessionId, OTEL.userId, OTEL.errorType, RUNLEDGER.taskId, RUNLEDGER.taskType, RUNLEDGER.stepName],
  ...[RUNLEDGER.subAgentVersion, RUNLEDGER.toolPermission, RUNLEDGER.toolPrincipal, RUNLEDGER.toolIdempotencyKey],
  ...[RUNLEDGER.decisionOptions, RUNLEDGER.decisionChoice, RUNLEDGER.guardrailRule, RUNLEDGER.guardrailTarget],
  ...[RUNLEDGER.approvalTool, RUNLEDGER.approvalBy, RUNLEDGER.handoffTo, RUNLEDGER.artifactMediaType, RUNLEDGER.killBy],
  ...[GEN_AI.toolCallId, GEN_AI.responseId, GEN_AI.responseFinishReasons, "http.response.header.x-request-id"],
  ...[RUNLEDGER.approvalId],
]);

export function classOf(attribute: string): AttributeClass {
  if (FACTS.has(attribute)) return "fact";
  return LABELS.has(attribute) ? "label" : "content";
}
