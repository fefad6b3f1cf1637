/** Attributes of our own, where OpenTelemetry has none. What the SDK writes and the collector's `runledger` dialect reads. */
export const RUNLEDGER = {
  /** One of RECORD_EVENTS; absent: `step`. */
  event: "runledger.event",
  /** One of STEP_KINDS; wins over what gen_ai.operation.name suggests. */
  stepKind: "runledger.step.kind",
  runId: "runledger.run.id",
  /** Int: this record's number within its run, from 0. */
  runSeq: "runledger.run.seq",
  /** Record id of the record numbered before this one, 64 hex digits; absent on the first. */
  runPrev: "runledger.run.prev",
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
  /** One of SIDE_EFFECTS. */
  toolSideEffect: "runledger.tool.side_effect",
  toolPermission: "runledger.tool.permission",
  toolPrincipal: "runledger.tool.principal",
  toolConfirmed: "runledger.tool.confirmed",
  /** Span id of the call whose result this one was given. */
  toolSameAs: "runledger.tool.same_as",
  /** Int. */
  toolCutToBytes: "runledger.tool.cut_to_bytes",
  toolFallback: "runledger.tool.fallback",
  /** On `limit` steps, and in the end on `run_end` of a stopped run: steps | tokens | wall_ms | … , its bound, and what was reached. */
  limitName: "runledger.limit.name",
  limitMax: "runledger.limit.max",
  limitReached: "runledger.limit.reached",
  /** On `limit` steps, int: calls that were let go before and were not over; what they use comes on top. */
  limitRunning: "runledger.limit.running",
  /** The step's own name, where the span's has its operation before it. */
  stepName: "runledger.step.name",
  /** Why, in words: of a decision, a guardrail, an approval, a hand-off. Content. */
  stepReason: "runledger.step.reason",
  /** On `decision` steps: string[], string, double. */
  decisionOptions: "runledger.decision.options",
  decisionChoice: "runledger.decision.choice",
  decisionConfidence: "runledger.decision.confidence",
  /** On `guardrail` steps: bool; the rule that decided; what it looked at (input, output, a tool). */
  guardrailPassed: "runledger.guardrail.passed",
  guardrailRule: "runledger.guardrail.rule",
  guardrailTarget: "runledger.guardrail.target",
  /** On `approval` steps: the tool, bool, and who said so. */
  approvalTool: "runledger.approval.tool",
  approvalApproved: "runledger.approval.approved",
  approvalBy: "runledger.approval.by",
  /** Of the request that people were asked with; how long the call waited is the step's latency. */
  approvalId: "runledger.approval.id",
  /** On `handoff` steps: who takes over, or is asked. */
  handoffTo: "runledger.handoff.to",
  /** On checkpoints: their id, and the state as JSON text. */
  checkpointId: "runledger.checkpoint.id",
  checkpointState: "runledger.checkpoint.state",
  /** On `resume`, int: how many records the run had when its process died, as far as is known. */
  checkpointRecords: "runledger.checkpoint.records",
  /** On artifacts: of the bytes; `content` is them, as text or, where `encoding` says so, in base64. */
  artifactMediaType: "runledger.artifact.media_type",
  artifactSha256: "runledger.artifact.sha256",
  artifactSizeBytes: "runledger.artifact.size_bytes",
  artifactContent: "runledger.artifact.content",
  artifactEncoding: "runledger.artifact.encoding",
  handoffReason: "runledger.handoff.reason",
  /** On the `limit` step of a kill: its id and who gave it; its reason is the step's error. */
  killId: "runledger.kill.id",
  killBy: "runledger.kill.by",
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
  /** How the sender's own settings cut the content of this record: `redacted` or `hashes`; absent: not at all. */
  content: "runledger.content",
  /** string[], each `<kind> <count>`: what was found in it and replaced. */
  contentRedacted: "runledger.content.redacted",
  /** string[], each `<attribute> <bytes> <HMAC-SHA256, hex>`: what was not sent; `error.message` is the span status's. */
  contentWithheld: "runledger.content.withheld",
  /** string[]: detectors and rules that failed, for which something is withheld. */
  redactionFailed: "runledger.redaction.failed",
  /** On all records of a replay: the run it follows. */
  replayOf: "runledger.replay.of",
  sdkVersion: "runledger.sdk.version",
} as const;
