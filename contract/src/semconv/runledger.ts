/** Attributes of our own, where OpenTelemetry has none. What the SDK writes and the collector's `runledger` dialect reads. */
export const RUNLEDGER = {
  /** One of RECORD_EVENTS; absent: `step`. */
  event: "runledger.event",
  /** One of STEP_KINDS; wins over what gen_ai.operation.name suggests. */
  stepKind: "runledger.step.kind",
  runId: "runledger.run.id",
  /** Int: this record's number within its run, from 0. */
  runSeq: "runledger.run.seq",
  /** On run_end: one of END_STATUSES. */
  runStatus: "runledger.run.status",
  /** On run_end: the agent's own word for how it went. */
  runOutcome: "runledger.run.outcome",
  /** On run_end: why it ended so. */
  runReason: "runledger.run.reason",
  /** On run_end, int: how many records the run has, this one included. */
  runRecords: "runledger.run.records",
  /** On run_start and run_heartbeat, int ms. */
  heartbeatIntervalMs: "runledger.run.heartbeat_interval_ms",
  taskId: "runledger.task.id",
  taskType: "runledger.task.type",
  /** On `agent` steps: the version of the sub-agent. */
  subAgentVersion: "runledger.sub_agent.version",
  /** The response body as it came, streams included. */
  rawResponse: "runledger.response.body",
  toolKnown: "runledger.tool.known",
  toolValid: "runledger.tool.valid",
  toolAttempt: "runledger.tool.attempt",
  toolInferred: "runledger.tool.inferred",
  toolRequestedBy: "runledger.tool.requested_by",
  toolIdempotencyKey: "runledger.tool.idempotency_key",
  /** On `limit` steps, and in the end on `run_end` of a stopped run: steps | tokens | wall_ms | … , its bound, and what was reached. */
  limitName: "runledger.limit.name",
  limitMax: "runledger.limit.max",
  limitReached: "runledger.limit.reached",
  /** On `limit` steps, int: calls that were let go before and were not over; what they use comes on top. */
  limitRunning: "runledger.limit.running",
  /** On `handoff` steps: who takes over, or is asked, and why. */
  handoffTo: "runledger.handoff.to",
  handoffReason: "runledger.handoff.reason",
  /** Written by the collector: which dialect could not read this span, and why. The span is kept whole. */
  normalizeError: "runledger.normalize.error",
  /** On acts, which the query API alone can send. */
  actAction: "runledger.act.action",
  actKeyId: "runledger.act.actor.key_id",
  actName: "runledger.act.actor.name",
  actRoles: "runledger.act.actor.roles",
  actReason: "runledger.act.reason",
  /** A JSON object, as text. */
  actTarget: "runledger.act.target",
  sdkVersion: "runledger.sdk.version",
} as const;
