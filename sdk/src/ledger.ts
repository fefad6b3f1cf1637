import { AsyncLocalStorage } from "node:async_hooks";
import type { SpanExporter } from "@opentelemetry/sdk-trace";
import { type Installation, installCapture } from "./capture/installation.ts";
import { type Config, readConfig, type Settings } from "./config.ts";
import { createApiClient } from "./control/api-request.ts";
import type { ControlStanding } from "./control/contact.ts";
import { openControl } from "./control/open-control.ts";
import { createFactRecorder } from "./facts/fact-recorder.ts";
import { createFacts, type Facts } from "./facts/facts.ts";
import { createFailures, type FailureKind, type Failures } from "./failures.ts";
import { createPricing } from "./limits/price.ts";
import { type ContentStats, createPrivacy, type Privacy } from "./privacy/privacy.ts";
import { createReplays, type ReplayContext, type ReplayContexts, type Replays } from "./replay/replays.ts";
import { type Checkpoints, createCheckpoints } from "./run/checkpoints.ts";
import { createHandler } from "./run/handler.ts";
import { apartFromOpenTelemetry, exportsToSameHost, joinOpenTelemetry, type WithinSpan } from "./run/otel-context.ts";
import { type Run, startRun } from "./run/run.ts";
import type { Scope } from "./run/scope.ts";
import { createWrap } from "./run/wrap.ts";
import { NOBODY_TO_ASK } from "./tools/approver.ts";
import { createMcp } from "./tools/mcp.ts";
import { type CreateTool, createTools } from "./tools/tool.ts";
import { createToolboxes } from "./tools/toolbox.ts";
import { createRefuseUnknown } from "./tools/unknown-tool.ts";
import { onProcessExit, onProcessIdle } from "./transport/exit.ts";
import { openTransport } from "./transport/open-transport.ts";
import { readTrust } from "./trust.ts";

/** Records agents. Nothing here throws for our own failures; they are in `stats().failures`. */
export interface Ledger extends Facts, Pick<Checkpoints, "checkpoint" | "resume" | "resumedState">, Replays {
  /** The same function, each call of it recorded as a run and held to its limits. */
  wrap: ReturnType<typeof createWrap>;
  /** A tool that is checked, bounded and recorded exactly. */
  tool: CreateTool;
  /** All that a model may call, in the forms that model APIs take; whatever else it asks for is refused. */
  tools: ReturnType<typeof createToolboxes>;
  /** A client of an MCP server, its tool calls checked, bounded and recorded. */
  mcp: ReturnType<typeof createMcp>;
  /** A serverless handler (AWS Lambda's and its like) whose records are sent before its answer is given. */
  handler: ReturnType<typeof createHandler>;
  /** A client that is not seen by itself because it holds its own transport: a `fetch` function, an undici dispatcher, a client with a `fetch`. */
  model: Installation["model"];
  /** The run that the caller is in: its trace id, 32 hex digits. */
  runId(): string | undefined;
  /** Aborts when the agent that the caller is in is stopped: for its own requests and waits. Outside of a run it never does. */
  signal(): AbortSignal;
  /** Sends what waits; true when the collector has it all in time. */
  flush(): Promise<boolean>;
  /** Flushes, gives the global dispatcher and `fetch` back, and records nothing any more. */
  shutdown(): Promise<boolean>;
  stats(): LedgerStats;
}

export interface LedgerStats {
  /** Records the collector has acknowledged. */
  sent: number;
  /** Records that wait for it, and their size. */
  queued: number;
  queuedBytes: number;
  /** Records of this process that wait on disk. */
  spooled: number;
  /** Whether a kill would reach the agents of this process. */
  control: ControlStanding | "off";
  /** What of it went out, and what was found in it since the ledger was made. */
  content: ContentStats;
  /** Own failures by kind; `dropped` and `rejected` count lost records. */
  failures: Record<FailureKind, number>;
}

/** What tests replace. */
export interface LedgerDependencies {
  /** A connection to the collector; `number` counts them. */
  createExporter?: (number: number) => SpanExporter;
  random?: () => number;
  environment?: NodeJS.ProcessEnv;
}

/**
 * A ledger for this process: one is enough for all its agents. From now on model calls within wrapped agents are seen.
 * @throws Error that lists every bad setting: the one moment at which ours is a failure to start.
 */
export function createRunledger(settings: Settings = {}, dependencies: LedgerDependencies = {}): Ledger {
  const config = readConfig(settings, dependencies.environment ?? process.env);
  const privacy = createPrivacy(config, settings.redact);
  const failures = createFailures(settings.log ?? warn, privacy.words);
  const trust = readTrust(config, failures);
  const { random = Math.random, createExporter } = dependencies;
  const { delivery, recorder, closeThread } = openTransport(config, {
    privacy,
    failures,
    trust,
    random,
    createExporter,
  });
  const scopes = new AsyncLocalStorage<Scope | undefined>();
  const control = openControl(config, { failures, random, scopes, trust, privacy });
  const replays: ReplayContexts = new AsyncLocalStorage();
  const never = new AbortController().signal;
  const held = new Set<() => void>();
  const installation = installCapture({ scopes, failures, replays });

  const flush = async (timeoutMs = config.flushTimeoutMs) => await delivery.flush(timeoutMs);
  const forgetExit = onProcessExit(() => delivery.rescue());
  const forgetIdle = onProcessIdle(
    () => held.size > 0 || delivery.stats().queued > 0,
    async () => {
      for (const release of held) release();
      return await flush();
    },
  );

  const refuseUnknown = createRefuseUnknown(scopes);
  const approver = settings.approver ?? control.approver ?? NOBODY_TO_ASK;
  const tool = createTools({ scopes, failures, approver, random, replays });

  const facts = createFactRecorder(scopes, failures);
  const checkpoints = openCheckpoints(config, privacy, { recorder: facts, failures });

  return {
    ...createFacts(facts, failures),
    ...createReplays({
      contexts: replays,
      openApi: () => createApiClient(config.controlUrl, config.apiKey, trust),
      begin: installation.replaying,
    }),
    ...checkpoints.calls,
    wrap: createWrap({
      scopes,
      failures,
      withinSpan: withinSpanOf(config, failures),
      held,
      pricing: createPricing(settings.price),
      watch: control.watch,
      checkpoints,
      startRun(facts, resumed) {
        installation.renew();
        const replay = replays.getStore();
        return replayed(replay, startRun(recorder, { ...facts, replayOf: replay?.session.runId }, config, resumed));
      },
    }),
    tool,
    tools: createToolboxes(refuseUnknown),
    mcp: createMcp(tool, refuseUnknown),
    signal: () => scopes.getStore()?.guard.signal ?? never,
    model: installation.model,
    runId: () => scopes.getStore()?.run.root.traceId,
    handler: createHandler({ flush, flushTimeoutMs: config.flushTimeoutMs, failures }),
    flush: () => flush(),
    async shutdown() {
      installation.remove();
      forgetIdle();
      forgetExit();
      for (const release of held) release();
      control.close();
      const all = await delivery.close(config.flushTimeoutMs);
      closeThread();
      return all;
    },
    stats() {
      const [standing, content] = [control.standing(), privacy.stats()];
      return { ...delivery.stats(), control: standing, content, failures: failures.counts() };
    },
  };
}

function withinSpanOf({ openTelemetry, endpoint, otelEndpoint }: Config, failures: Failures): WithinSpan {
  const joins = openTelemetry === "join" || (openTelemetry === "auto" && exportsToSameHost(endpoint, otelEndpoint));
  return joins ? joinOpenTelemetry(failures) : apartFromOpenTelemetry;
}

/** The first run within a replay is the replay's. */
function replayed(replay: ReplayContext | undefined, run: Run): Run {
  if (replay !== undefined) replay.runId ??= run.root.traceId;
  return run;
}

function openCheckpoints(
  { checkpointDir, spoolMaxAgeMs: maxAgeMs }: Config,
  { seal }: Privacy,
  dependencies: Parameters<typeof createCheckpoints>[0],
) {
  const directory = checkpointDir === "off" ? undefined : checkpointDir;
  const checkpoints = createCheckpoints(dependencies, { directory, maxAgeMs, seal });
  const { checkpoint, resume, resumedState } = checkpoints;
  return { ...checkpoints, calls: { checkpoint, resume, resumedState } };
}

function warn(message: string): void {
  process.emitWarning(message, "RunledgerWarning");
}
