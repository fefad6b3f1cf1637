import { END_STATUSES, type EndFacts, RUNLEDGER, SIDE_EFFECTS, STEP_KINDS } from "@runledger/contract";
import type { Dialect, DialectFacts } from "./dialect.ts";
import type { Content } from "./normalized.ts";
import { readGenAi } from "./otel-genai.ts";
import { isRunId } from "./run-id.ts";
import { agentContentOf, agentFactsOf, known } from "./runledger-agent.ts";
import type { AttributeReader, SpanView } from "./span-view.ts";

/** The events that a span may claim for itself; an `act` only Runledger's own (`own-act.ts`). */
const SPAN_EVENTS = ["run_start", "run_heartbeat", "step", "run_end"] as const;

/** What `@runledger/sdk` sends: the GenAI conventions, and `runledger.*` where they have no word. */
export const runledger: Dialect = {
  name: "runledger",
  claims: (attributes) =>
    attributes.has(RUNLEDGER.runSeq) || attributes.has(RUNLEDGER.event) || attributes.has(RUNLEDGER.stepKind),
  read(span, attributes) {
    const base = readGenAi(span, attributes);
    const event = attributes.oneOf(RUNLEDGER.event, SPAN_EVENTS) ?? "step";
    const kind = attributes.oneOf(RUNLEDGER.stepKind, STEP_KINDS) ?? base.kind;
    return {
      ...base,
      event,
      kind,
      name: attributes.text(RUNLEDGER.stepName) ?? base.name,
      runId: isRunId(span.attributes.get(RUNLEDGER.runId)) ? attributes.text(RUNLEDGER.runId) : null,
      runSeq: attributes.count(RUNLEDGER.runSeq),
      ...runPrevOf(attributes),
      run: { ...base.run, heartbeat_interval_ms: attributes.count(RUNLEDGER.heartbeatIntervalMs) },
      tool: base.tool === null ? null : exactTool(base.tool, attributes),
      end: event === "run_end" ? endFactsOf(span, attributes) : null,
      agent: agentFactsOf(kind, attributes),
      content: { ...base.content, ...contentOf(attributes) },
    };
  },
};

/** Anything else under this name is no link of a chain, and stays an attribute. */
function runPrevOf(attributes: AttributeReader): { runPrev?: string } {
  const prev = attributes.match(RUNLEDGER.runPrev, /^[0-9a-f]{64}$/);
  return prev === null ? {} : { runPrev: prev };
}

function exactTool(tool: NonNullable<DialectFacts["tool"]>, attributes: AttributeReader): DialectFacts["tool"] {
  return {
    ...tool,
    requested_by: attributes.text(RUNLEDGER.toolRequestedBy),
    attempt: attributes.count(RUNLEDGER.toolAttempt),
    idempotency_key: attributes.text(RUNLEDGER.toolIdempotencyKey),
    known: attributes.boolean(RUNLEDGER.toolKnown),
    valid: attributes.boolean(RUNLEDGER.toolValid),
    inferred: attributes.boolean(RUNLEDGER.toolInferred) ?? false,
    ...known({
      side_effect: attributes.oneOf(RUNLEDGER.toolSideEffect, SIDE_EFFECTS),
      permission: attributes.text(RUNLEDGER.toolPermission),
      principal: attributes.text(RUNLEDGER.toolPrincipal),
      confirmed: attributes.boolean(RUNLEDGER.toolConfirmed),
      same_as: attributes.text(RUNLEDGER.toolSameAs),
      cut_to_bytes: attributes.count(RUNLEDGER.toolCutToBytes),
      fallback: attributes.boolean(RUNLEDGER.toolFallback),
    }),
  };
}

function contentOf(attributes: AttributeReader): Content {
  const raw = attributes.text(RUNLEDGER.rawResponse);
  return { ...(raw === null ? {} : { raw_response: raw }), ...agentContentOf(attributes) };
}

function endFactsOf(span: SpanView, attributes: AttributeReader): EndFacts {
  return {
    status: attributes.oneOf(RUNLEDGER.runStatus, END_STATUSES) ?? (span.statusCode === 2 ? "failed" : "completed"),
    outcome: attributes.text(RUNLEDGER.runOutcome),
    reason: attributes.text(RUNLEDGER.runReason) ?? (span.statusMessage || null),
    records: attributes.count(RUNLEDGER.runRecords),
  };
}
