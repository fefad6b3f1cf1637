import { isOutcomeUnknown, type RunledgerRecord } from "@runledger/contract";
import { z } from "zod";

/** OCSF version whose API Activity class (6003) the events are of: https://schema.ocsf.io/1.6.0/classes/api_activity */
const OCSF_VERSION = "1.6.0";
const CATEGORY_APPLICATION = 6;
const CLASS_API_ACTIVITY = 6003;
const ACTIVITY = { create: 1, read: 2, update: 3, delete: 4, other: 99 } as const;
const SEVERITY = { informational: 1, low: 2 } as const;
const STATUS = { unknown: 0, success: 1, failure: 2 } as const;

/** By the last word of an act's action. */
const ACTIVITY_OF_ACT: Readonly<Record<string, keyof typeof ACTIVITY>> = {
  ...{ create: "create", set: "create", read: "read", download: "read", change: "update", rotate: "update" },
  ...{ erasure: "delete", expiry: "delete", revoke: "delete", lift: "delete" },
};
const ACTIVITY_NAME = { create: "Create", read: "Read", update: "Update", delete: "Delete" } as const;

const EVENTS: ReadonlySet<string> = new Set(["step", "act"]);

/** What the class requires, and what we add. */
export const ocsfApiActivity = z.strictObject({
  activity_id: z.union([z.literal(1), z.literal(2), z.literal(3), z.literal(4), z.literal(99)]),
  activity_name: z.string(),
  actor: z.strictObject({
    app_name: z.string().optional(),
    session: z.strictObject({ uid: z.string() }).optional(),
    user: z.strictObject({ uid: z.string(), name: z.string().optional() }).optional(),
  }),
  api: z.strictObject({
    operation: z.string(),
    request: z.strictObject({ uid: z.string() }),
    response: z.strictObject({ error: z.string().optional(), error_message: z.string().optional() }).optional(),
    service: z.strictObject({ name: z.string() }).optional(),
    version: z.string().optional(),
  }),
  category_uid: z.literal(CATEGORY_APPLICATION),
  class_uid: z.literal(CLASS_API_ACTIVITY),
  /** Of what was seen to begin and end: not of a tool call that only messages tell of. */
  duration: z.number().int().optional(),
  end_time: z.number().int().optional(),
  metadata: z.strictObject({
    correlation_uid: z.string(),
    log_name: z.string(),
    original_time: z.string(),
    product: z.strictObject({ name: z.string(), vendor_name: z.string() }),
    sequence: z.number().int(),
    tenant_uid: z.string(),
    uid: z.string(),
    version: z.literal(OCSF_VERSION),
  }),
  severity_id: z.union([z.literal(SEVERITY.informational), z.literal(SEVERITY.low)]),
  src_endpoint: z.strictObject({ name: z.string() }),
  start_time: z.number().int(),
  status_id: z.union([z.literal(STATUS.unknown), z.literal(STATUS.success), z.literal(STATUS.failure)]),
  time: z.number().int().describe("ms since the epoch"),
  type_uid: z.number().int(),
  unmapped: z.record(z.string(), z.unknown()),
});
export type OcsfApiActivity = z.infer<typeof ocsfApiActivity>;

/** A step or act as an API Activity; null for records that are neither. `shard`: of the log that `index` is of, in a bundle of several. */
export function ocsfEvent(index: number, record: RunledgerRecord, shard: string | null): OcsfApiActivity | null {
  const { kind, run, llm, tool, error } = record;
  if (!EVENTS.has(record.event)) return null;
  const { act } = record;
  const doing = kind === "llm" ? "read" : (ACTIVITY_OF_ACT[act?.action.split(".").at(-1) ?? ""] ?? "other");
  const activity = ACTIVITY[doing];
  const start = Date.parse(record.start_time);
  const end = Date.parse(record.end_time);
  const response = error && { error: error.type, ...(error.message === null ? {} : { error_message: error.message }) };
  const service = llm?.provider ?? tool?.name ?? null;
  return {
    activity_id: activity,
    activity_name: doing === "other" ? `Other: ${act === undefined ? kind : "act"}` : ACTIVITY_NAME[doing],
    actor: {
      // One of these is always there, as OCSF demands: who names nobody is a service.
      app_name: run.agent_name ?? serviceName(record),
      ...(run.session_id === null ? {} : { session: { uid: run.session_id } }),
      ...userOf(record),
    },
    api: {
      operation: act?.action ?? record.operation ?? record.name,
      request: { uid: record.step_id },
      ...(response === null ? {} : { response }),
      ...(service === null ? {} : { service: { name: service } }),
      ...(llm?.response_model ? { version: llm.response_model } : {}),
    },
    category_uid: CATEGORY_APPLICATION,
    class_uid: CLASS_API_ACTIVITY,
    ...(tool?.inferred ? {} : { duration: Math.max(0, end - start), end_time: end }),
    metadata: {
      correlation_uid: record.run_id,
      log_name: "runledger",
      original_time: record.start_time,
      product: { name: "Runledger", vendor_name: "Runledger" },
      sequence: index,
      tenant_uid: record.tenant,
      uid: record.record_id,
      version: OCSF_VERSION,
    },
    severity_id: record.status === "error" ? SEVERITY.low : SEVERITY.informational,
    src_endpoint: { name: serviceName(record) },
    start_time: start,
    status_id: statusOf(record),
    time: start,
    type_uid: CLASS_API_ACTIVITY * 100 + activity,
    unmapped: { ...unmappedOf(record), ...(shard === null ? {} : { shard }) },
  };
}

function statusOf({ tool, status }: RunledgerRecord): OcsfApiActivity["status_id"] {
  if (tool !== null && isOutcomeUnknown({ ...tool, status })) return STATUS.unknown;
  return status === "error" ? STATUS.failure : STATUS.success;
}

/** Who did it: whose key it was, or for whom the agent worked. */
function userOf({ act, run }: RunledgerRecord): Pick<OcsfApiActivity["actor"], "user"> {
  if (act !== undefined) return { user: { uid: act.actor.key_id ?? act.actor.name, name: act.actor.name } };
  return run.user_id === null ? {} : { user: { uid: run.user_id } };
}

function serviceName({ resource, run }: RunledgerRecord): string {
  const name = resource["service.name"];
  return typeof name === "string" && name !== "" ? name : (run.agent_name ?? "unknown");
}

/** What the class has no place for. */
function unmappedOf({ kind, llm, tool, cost, run, act }: RunledgerRecord): Record<string, unknown> {
  return {
    kind,
    ...(act === undefined ? {} : { reason: act.reason, roles: act.actor.roles, target: act.target }),
    ...(run.agent_version === null ? {} : { agent_version: run.agent_version }),
    ...(llm === null ? {} : { input_tokens: llm.input_tokens, output_tokens: llm.output_tokens }),
    ...(tool === null ? {} : { tool: tool.name, arguments_sha256: tool.arguments_sha256 }),
    ...(cost === null ? {} : { cost_usd: cost.usd }),
  };
}
