import type { Attributes, SpanContext } from "@opentelemetry/api";
import { type EndStatus, GEN_AI, OTEL, type RecordEvent, RUNLEDGER, type StepKind } from "@runledger/contract";
import { createToolCallBook, type ToolCallBook } from "../capture/tool-call-book.ts";
import type { RawModelCall } from "../conversion/raw-model-call.ts";
import { type LimitUsage, NOTHING_USED } from "../limits/usage.ts";
import { createResultBook, type ResultBook } from "../tools/result-book.ts";
import { type OpenSpan, STATUS_ERROR } from "../transport/record-span.ts";
import type { Recorder } from "../transport/recorder.ts";

import type { Checkpoint, Progress } from "./checkpoint.ts";
import type { Resumption } from "./resumption.ts";

/** Who runs, for whom; on every record of the run. */
export interface RunFacts {
  agent: string;
  version?: string | undefined;
  taskType?: string | undefined;
  taskId?: string | undefined;
  session?: string | undefined;
  user?: string | undefined;
  /** The recorded run that this one is a replay of. */
  replayOf?: string | undefined;
}

export interface StepStart {
  kind: StepKind;
  /** The span it hangs below. */
  parent: SpanContext;
  /** Epoch milliseconds; default now. */
  startTime?: number;
  client?: boolean;
  attributes?: Attributes;
}
export interface StepEnd {
  attributes?: Attributes;
  error?: StepError | undefined;
  /** Epoch milliseconds; default now. */
  endTime?: number;
  /** Tells attributes, error and name, once somebody reads it. */
  modelCall?: RawModelCall;
}
export interface StepError {
  type: string;
  message: string;
}
/** A step that has begun. It is a record only once it ends; a second end, or one after the run's, does nothing. */
export interface OpenStep {
  readonly span: SpanContext;
  end(end?: StepEnd): void;
}

export interface RunEnd {
  status: EndStatus;
  outcome?: string | undefined;
  reason?: string | undefined;
  error?: StepError | undefined;
  attributes?: Attributes | undefined;
}

/** One execution of an agent: a trace. Its records are numbered and chained as they are made, and the end commits to their count. */
export interface Run {
  readonly root: SpanContext;
  readonly toolCalls: ToolCallBook;
  /** By idempotency key. */
  readonly results: ResultBook;
  readonly ended: boolean;
  /** Undefined: it began in this process. */
  readonly resumed: Resumption | undefined;
  /** Epoch milliseconds with fractions; never goes back within the run. */
  now(): number;
  startStep(name: string, start: StepStart): OpenStep;
  end(end: RunEnd): void;
  /** What a later process needs to go on from here. */
  checkpoint(id: string, state: unknown): Checkpoint;
  /** Told after each record how far the run is, and after the last one, when the run has ended. */
  onRecord(told: (progress: Progress) => void): void;
  /** What is kept of it for a later process tells what it used, from the first checkpoint on. */
  countsUsage(): boolean;
  /** Whose figures are the run's. */
  countedBy(usage: () => LimitUsage): void;
}

export interface RunSettings {
  heartbeatMs: number;
}

export function startRun(recorder: Recorder, facts: RunFacts, settings: RunSettings, resumed?: Resumption): Run {
  const now = createClock();
  const common = runAttributes(facts);
  const results = createResultBook(resumed?.checkpoint);
  const startTime = resumed?.checkpoint.startTime ?? now();
  let ended = false;
  let records = resumed?.progress.records ?? 0;
  let usage = () => resumed?.progress.used ?? NOTHING_USED;
  const run = recorder.newRun(resumed);
  let onRecord: ((progress: Progress) => void) | undefined;
  const rootSpan = recorder.start({
    run,
    name: `invoke_agent ${facts.agent}`,
    parent: undefined,
    ...(resumed === undefined ? {} : { context: spanOf(resumed) }),
    startTime,
    client: false,
    attributes: { ...common, [GEN_AI.operationName]: "invoke_agent" },
  });
  const root = rootSpan.context;
  function finish(span: OpenSpan, end: StepEnd): void {
    if (ended) return;
    const last = endSpan(span, { ...end, endTime: end.endTime ?? now() }, records++);
    onRecord?.({ records, used: usage(), last });
  }

  function signOfLife(event: RecordEvent, name: string): void {
    const attributes = { ...common, [RUNLEDGER.event]: event, [RUNLEDGER.heartbeatIntervalMs]: settings.heartbeatMs };
    finish(recorder.start({ run, name, parent: root, startTime: now(), client: false, attributes }), {});
  }

  const beat = () => signOfLife("run_heartbeat", `heartbeat ${facts.agent}`);
  if (resumed !== undefined) beat();
  else signOfLife("run_start", `start ${facts.agent}`);
  const heart = setInterval(beat, settings.heartbeatMs).unref();

  return {
    root,
    toolCalls: createToolCallBook(),
    results,
    resumed,
    get ended() {
      return ended;
    },
    now,
    startStep(name, { kind, parent, startTime, client, attributes }) {
      const span = recorder.start({
        ...{ run, name, parent },
        startTime: startTime ?? now(),
        client: client ?? false,
        attributes: { ...common, ...attributes, [RUNLEDGER.stepKind]: kind },
      });
      return { span: span.context, end: (end = {}) => span.ended || finish(span, end) };
    },
    end({ status, outcome, reason, error, attributes }) {
      if (ended) return;
      clearInterval(heart);
      finish(rootSpan, {
        attributes: defined({
          ...attributes,
          [RUNLEDGER.event]: "run_end" satisfies RecordEvent,
          [RUNLEDGER.stepKind]: "agent" satisfies StepKind,
          [RUNLEDGER.runStatus]: status,
          [RUNLEDGER.runOutcome]: outcome,
          [RUNLEDGER.runReason]: reason,
          [RUNLEDGER.runRecords]: records + 1,
        }),
        error,
      });
      ended = true;
      onRecord?.({ records, used: usage(), last: recorder.follow(run) });
      recorder.forget(run);
    },
    checkpoint(id, state) {
      const progress: Progress = { records, used: usage(), last: recorder.follow(run) };
      const made = { runId: root.traceId, spanId: root.spanId, startTime, agent: facts.agent, ...progress };
      return { v: 1, id, ...made, state, results: results.kept(id) };
    },
    countsUsage: () => onRecord !== undefined || resumed !== undefined,
    onRecord(told) {
      recorder.follow(run);
      onRecord = told;
    },
    countedBy(counted) {
      usage = counted;
    },
  };
}

function endSpan(
  span: OpenSpan,
  { attributes, error, endTime, modelCall }: StepEnd & { endTime: number },
  number: number,
): string | undefined {
  if (attributes !== undefined) span.setAttributes(attributes);
  span.setAttributes({ [RUNLEDGER.runSeq]: number, [OTEL.errorType]: error?.type });
  return span.end(endTime, { status: error && { code: STATUS_ERROR, message: error.message }, modelCall });
}

function spanOf({ checkpoint }: Resumption): SpanContext {
  return { traceId: checkpoint.runId, spanId: checkpoint.spanId, traceFlags: 1 };
}

function runAttributes(facts: RunFacts): Attributes {
  return defined({
    [GEN_AI.agentName]: facts.agent,
    [GEN_AI.agentVersion]: facts.version,
    [RUNLEDGER.taskType]: facts.taskType,
    [RUNLEDGER.taskId]: facts.taskId,
    [OTEL.sessionId]: facts.session,
    [OTEL.userId]: facts.user,
    [RUNLEDGER.replayOf]: facts.replayOf,
  });
}

/** Without what is unknown: an attribute is absent rather than empty. */
export function defined(attributes: Attributes): Attributes {
  const known: Attributes = {};
  for (const key in attributes) if (attributes[key] !== undefined) known[key] = attributes[key];
  return known;
}

/** Wall clock of the run's begin plus monotonic time since: a clock that is set back can't reorder steps. */
function createClock(): () => number {
  const wall = Date.now();
  const monotonic = performance.now();
  return () => wall + (performance.now() - monotonic);
}
