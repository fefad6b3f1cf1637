export {
  DEFAULT_TENANT,
  EVERY_TENANT,
  inTenant,
  LOOPBACK_HOSTS,
  type Principal,
  ROLES,
  type Role,
  TENANT_HEADER,
  TENANT_NAME,
  withImpliedRoles,
} from "./access/principal.ts";
export { type TlsSettings, tlsServerOptions, tlsSettings } from "./access/tls.ts";
export { type ActList, actList, type ListedAct, listActsQuery, listedAct } from "./api/act.ts";
export {
  ALERT_ACTIONS,
  ALERT_RULES,
  ALERT_STATES,
  type Alert,
  type AlertRule,
  alert,
  alertList,
  alertRule,
  alertRuleChange,
} from "./api/alert.ts";
export {
  APPROVAL_STATUSES,
  type Approval,
  type ApprovalDetail,
  type ApprovalRequest,
  approval,
  approvalAnswer,
  approvalDetail,
  approvalList,
  approvalRequest,
  MAX_APPROVAL_ARGUMENTS_BYTES,
  MAX_APPROVAL_WAIT_MS,
} from "./api/approval.ts";
export {
  type ApprovalDecision,
  approvalDecision,
  type ControlState,
  controlState,
  type Kill,
  type KillScope,
  type KillTarget,
  kill,
  killList,
  killRequest,
  killScope,
  MAX_CONTROL_APPROVALS,
  MAX_CONTROL_WAIT_MS,
  MAX_REASON_CHARS,
  scopeReaches,
} from "./api/control.ts";
export {
  type ErasureAnswer,
  type ErasureRequest,
  erasure,
  erasureList,
  erasureRequest,
  type Hold,
  type HoldScope,
  hold,
  holdList,
  holdRequest,
  holdScope,
  holdSet,
  listErasuresQuery,
} from "./api/erasure.ts";
export { type ApiError, type ApiErrorCode, apiError } from "./api/error.ts";
export {
  EXPORT_STATES,
  type ExportJob,
  exportJob,
  exportList,
  exportRequest,
} from "./api/export.ts";
export {
  type ApiKey,
  type ApiKeyRequest,
  apiKey,
  apiKeyList,
  apiKeyRequest,
  apiKeyRotation,
  DEFAULT_OVERLAP_SECONDS,
  type NewApiKey,
  newApiKey,
} from "./api/key.ts";
export {
  type ListRunsQuery,
  listRunsQuery,
  MAX_MISSING_PARENTS,
  MAX_RUN_GAPS,
  MAX_RUN_ROOTS,
  queryTime,
  type Run,
  type RunDetail,
  type RunList,
  run,
  runDetail,
  runList,
} from "./api/run.ts";
export { shardList } from "./api/shards.ts";
export { type Step, type StepDetail, type StepList, step, stepDetail, stepList } from "./api/step.ts";
export { USAGE_GROUPS, type Usage, type UsageRow, usage, usageQuery, usageRow } from "./api/usage.ts";
export {
  BUNDLE_FILES,
  type BundlePath,
  bundleGroup,
  DERIVED_FILES,
  entriesPath,
  logFolder,
  MAX_BUNDLE_PROOFS,
  MAX_BUNDLED_SHARD_CHARS,
  MAX_LINES_PER_ENTRIES_FILE,
  parseBundlePath,
  payloadBytesPath,
  payloadLinesPath,
  proofPath,
} from "./bundle/bundle-path.ts";
export {
  addToRun,
  type BundleRun,
  type CountingRules,
  finishedRun,
  isOfRun,
  openRun,
  type PlacedEntry,
  type RunEntry,
  type RunInLog,
} from "./bundle/bundle-run.ts";
export { createDigestSet, type DigestSet } from "./bundle/digest-set.ts";
export {
  type DirectoryAnchor,
  formatDirectoryAnchors,
  MAX_ANCHORS_BYTES,
  parseDirectoryAnchors,
} from "./bundle/directory-anchors.ts";
export {
  BUNDLE_FORMAT,
  BUNDLE_FORMAT_OF_SEVERAL,
  type BundledLog,
  type BundleManifest,
  bundledLogs,
  type ExportFilter,
  exportFilter,
  formatManifest,
  manifestOf,
  parseManifest,
} from "./bundle/manifest.ts";
export { type PayloadLine, parsePayloadLine, payloadId } from "./bundle/payload-line.ts";
export {
  type BundleSummary,
  createEntrySums,
  createRunFacts,
  createRunsJson,
  type EntrySums,
  type RunFactsOfEntries,
  runsJson,
  summaryJson,
} from "./bundle/run-facts.ts";
export { parseTarHeader, TAR_BLOCK_BYTES, tarHeader, tarPadding } from "./bundle/tar-block.ts";
export { byUtf8 } from "./bundle/utf8-order.ts";
export type { CheckTimestamp } from "./log/anchors.ts";
export { type Checkpoint, logName, openCheckpoint, signCheckpoint, unverifiedCheckpoint } from "./log/checkpoint.ts";
export { type ContentCheck, createContentCheck } from "./log/content-check.ts";
export { type Cosigner, cosignersOf, createCosigner, parseCosignerKey } from "./log/cosignature.ts";
export { createDestroyedKeys, type DestroyedKeys, type Destruction } from "./log/destroyed-keys.ts";
export {
  type DirectoryEntry,
  formatDirectoryEntry,
  headsHash,
  MAX_SHARDS_NAMED,
  parseDirectoryEntry,
} from "./log/directory-entry.ts";
export { decodeEntryBundle, encodeEntryBundle } from "./log/entry-bundle.ts";
export { noteOfLater, parseLogEntry } from "./log/log-entry.ts";
export { LogError, type LogErrorCode } from "./log/log-error.ts";
export { type ReadObject, readBundle, readEntries, readEntry, readTile } from "./log/log-reader.ts";
export {
  createLeafHasher,
  emptyRoot,
  HASH_BYTES,
  type Hash,
  hashesEqual,
  leafHash,
  verifyConsistency,
  verifyInclusion,
} from "./log/merkle.ts";
export { receivedTimeAt } from "./log/not-in-directory.ts";
export {
  isQuorum,
  type PolicyWitness,
  parsePolicy,
  policyLogs,
  type QuorumRule,
  quorumTimes,
  type TrustPolicy,
} from "./log/policy.ts";
export {
  consistencyProof,
  formatTlogProof,
  inclusionProof,
  parseTlogProof,
  type TlogProof,
  verifyTlogProof,
} from "./log/proof.ts";
export { type AttestedHead, cosignedBy, createReceivedTimes, type ReceivedTimes } from "./log/received-times.ts";
export {
  addRunProblems,
  createRunCompleteness,
  formatRuns,
  notesOfUnfollowed,
  type RunCompleteness,
  type RunCoverage,
  type RunProblem,
  type RunsSummary,
  type UnclosedRun,
  unclosedLines,
} from "./log/run-completeness.ts";
export {
  COSIGNATURE_V1,
  createNoteSigner,
  formatVerifierKey,
  type NoteSigner,
  type NoteVerifier,
  openNote,
  parseNote,
  parseVerifierKey,
  signNote,
} from "./log/signed-note.ts";
export { formatStoreVerification, type StoreVerification } from "./log/store-verification.ts";
export {
  CHECKPOINT_PATH,
  entryBundlePath,
  hashesAtLevel,
  parseTilePath,
  partialPrefix,
  TILE_WIDTH,
  tilePath,
  tileWidth,
} from "./log/tile-path.ts";
export { createTileTree, restoreTileTree, type Tile, type TileTree, tileNode } from "./log/tile-tree.ts";
export { type CertificateHash, parseTimestamp, type StampDigest, type TimestampToken } from "./log/timestamp-token.ts";
export type { SealedPayloads } from "./log/unopened-payloads.ts";
export {
  createFindings,
  type Finding,
  type Findings,
  findingsWithin,
  formatVerification,
  type LogVerification,
  VERDICT_EXIT_CODES,
  type Verdict,
} from "./log/verification.ts";
export { type LogToVerify, verifyLog, verifyShard } from "./log/verify.ts";
export { type StoreToVerify, type StoreTrust, verifyStore } from "./log/verify-store.ts";
export {
  AGENT_FACT_NAMES,
  type AgentFacts,
  rowAgentFacts,
  SIDE_EFFECTS,
  type SideEffect,
  type ToolSafety,
  toolSafety,
} from "./record/agent-facts.ts";
export { canonicalJson, type JsonValue } from "./record/canonical-json.ts";
export {
  type ErasureTarget,
  type ExpiryTarget,
  erasedUserLabel,
  erasureTarget,
  expiryTarget,
} from "./record/erasure.ts";
export { jsonElements } from "./record/json-elements.ts";
export { keptValue } from "./record/kept-value.ts";
export {
  anchorPath,
  anchorsPrefix,
  DIRECTORY,
  datedCheckpointPath,
  isEvidencePath,
  KEY_CHANGES_PATH,
  KEY_ROOT_PATH,
  keyRingPath,
  latestCosignedPath,
  logPrefix,
  MAX_OBJECT_BYTES,
  packPath,
  pricedModelPath,
  pricedModelsPrefix,
  stagingPath,
  statePath,
  tenantStatePath,
} from "./record/paths.ts";
export { payloadBase } from "./record/payload-base.ts";
export {
  createPackReader,
  createPayloadReader,
  type FindPayloadKey,
  formatMessageNode,
  isSealed,
  parseMessageNode,
  type ReadPack,
  type ReadPayload,
  readStoredPayload,
  SAME_PACK,
  type SealedRef,
} from "./record/payload-reading.ts";
export {
  commitmentOf,
  DATA_KEY_BYTES,
  openPayload,
  PAYLOAD_KEY_BYTES,
  payloadKey,
  payloadSalt,
  SALT_BYTES,
  SEAL_BYTES,
  type SealedPayload,
  sealDeflated,
  sealPayload,
  sealWithSalt,
} from "./record/payload-seal.ts";
export {
  type ActFacts,
  type CostFacts,
  DELTA_MEDIA_TYPE,
  END_STATUSES,
  type EndFacts,
  type EndStatus,
  freeMembers,
  HEARTBEAT_SILENCE_MS,
  HEARTBEATS_MISSED,
  KEPT_MEDIA_TYPE,
  type LlmFacts,
  MAX_ENTRY_BYTES,
  MAX_RUN_ID_CHARS,
  MESSAGES_MEDIA_TYPE,
  PAYLOAD_NAMES,
  type PayloadName,
  type PayloadRef,
  RECORD_EVENTS,
  type RecordEvent,
  RUN_STATUSES,
  type RunFacts,
  type RunledgerRecord,
  type RunStatus,
  record,
  SILENCE_ABANDONS_MS,
  STEP_KINDS,
  type StepKind,
  type ToolFacts,
} from "./record/record.ts";
export {
  attributeKeysSha256,
  type IdentifiedSpan,
  recordId,
  type SpanOrigin,
  type TextForms,
} from "./record/record-id.ts";
export { type PayloadSubject, runSubject, subjectOf, userSubject } from "./record/subject.ts";
export { createTextCache, type TextCache } from "./record/text-cache.ts";
export { formatTextDelta, MAX_TEXT_BYTES, type TextDelta, type TextPiece } from "./record/text-delta.ts";
export { readMessages, readText, readWholeRecord } from "./record/text-reading.ts";
export { MAX_UNIX_NANO, rfc3339FromUnixNano, unixNanoFromRfc3339 } from "./record/time.ts";
export { isOutcomeUnknown } from "./record/tool-outcome.ts";
export { isShortened, ROW_NAME_CHARS, ROW_TEXT_CHARS, rowName, rowText, uncut } from "./rows/row-text.ts";
export { type LogEntryRow, MAX_FINISH_REASONS, PREVIEW_CHARS, type StepRow } from "./rows/step-row.ts";
export { GEN_AI, OTEL } from "./semconv/gen-ai.ts";
export type { ChatMessage, MessagePart } from "./semconv/messages.ts";
export { RUNLEDGER } from "./semconv/runledger.ts";
