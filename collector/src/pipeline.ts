import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { RUNLEDGER } from "@runledger/contract";
import {
  type JournalFrame,
  journalIdentity,
  loadOrCreateSigningKey,
  openJournalCursor,
  openJournalReader,
  openJournalWriter,
  openObjects,
  openOrCreateKeyring,
} from "@runledger/storage";
import { Registry } from "prom-client";
import { createAuditSink } from "./audit/audit-sink.ts";
import { createKeptPrices } from "./audit/kept-prices.ts";
import type { CollectorSettings } from "./config.ts";
import type { DirectoryKeeper } from "./directory/directory-keeper.ts";
import { startDirectory } from "./directory/start-directory.ts";
import { startFollower } from "./integrate/follower.ts";
import { createIntegrateMetrics, type IntegrateMetrics } from "./integrate/integrate-metrics.ts";
import { createNormalizedFrames } from "./integrate/normalized-frames.ts";
import { createSeenRecords } from "./integrate/seen-records.ts";
import type { Sink } from "./integrate/sink.ts";
import { openLenientRows } from "./metrics/lenient-rows.ts";
import { logEntryRow } from "./metrics/log-entry-row.ts";
import { startLogIndex } from "./metrics/log-index.ts";
import { createMetricsSink } from "./metrics/metrics-sink.ts";
import { createRecentEntries } from "./metrics/recent-entries.ts";
import { keepUnsureFrames } from "./metrics/unsure-frames.ts";
import { createFrameNormalizer } from "./normalize/normalize-frame.ts";
import { createPrices, type Prices } from "./normalize/price.ts";
import { keyGate, openSenderKeys, ownGate } from "./receive/gate.ts";
import { createGrpcReceiver } from "./receive/grpc-receiver.ts";
import { createHttpReceiver } from "./receive/http-receiver.ts";
import { createIntake } from "./receive/intake.ts";
import { createObjectAck } from "./receive/object-ack.ts";
import { startAbandonedRuns } from "./resolve/abandoned-runs.ts";
import { createResolver } from "./resolve/resolver.ts";
import { createStderrLogger } from "./stage/logger.ts";
import type { RunningStage } from "./stage/run-stage.ts";

/** The sinks' cursors: a journal segment goes away only when both have passed it. */
const FOLLOWERS = ["audit", "metrics"] as const;
/** For the last heads to be recorded and witnessed; what is not is at the next start. */
const DIRECTORY_STOP_MS = 5_000;
const LOOPBACK = "127.0.0.1";

/** First stage: OTLP → check → journal (fsync) → answer. */
export async function receive(settings: CollectorSettings, onFatal: (error: unknown) => void): Promise<RunningStage> {
  const logger = createStderrLogger(settings.logLevel, { stage: "receive" });
  const registry = new Registry();
  const warn = (message: string, details: object) => logger.warn(details, message);
  const journal = await openJournalWriter(settings.journalDir, { followers: FOLLOWERS, warn });
  // The stages meet only in the journal: where the audit log's cursor stands there, the records are in the store.
  const audit = openJournalCursor(settings.journalDir, "audit");
  const { stored } = createObjectAck(audit, { pollMs: settings.pollMs, timeoutMs: settings.ackTimeoutMs });
  const waiting = settings.ack === "object" ? { stored } : {};
  const intake = createIntake({ journal, registry, nowUnixNano, onFatal, warn, ...waiting }, {});
  const { host, tls } = settings;
  const keys = await openSenderKeys(settings, warn);
  const gate = keyGate(keys);
  const grpc = await createGrpcReceiver(intake, { host, port: settings.grpcPort, gate, tls });
  const http = await createHttpReceiver(intake, { host, port: settings.httpPort, gate, tls });
  const own = await createHttpReceiver(intake, { host: LOOPBACK, port: 0, gate: ownGate(settings.ownKey) });
  return {
    ready: { grpcPort: grpc.port, httpPort: http.port, ownPort: own.port },
    metrics: () => registry.metrics(),
    troubles: async () => {
      const trouble = await journal.trouble();
      return trouble === null ? [] : [trouble];
    },
    warnings: () => [],
    async stop() {
      await Promise.all([grpc.close(), http.close(), own.close()]);
      await keys.close();
      await journal.close();
    },
  };
}

/** Second stage: journal → normalize → audit log, and → ClickHouse; and the log → its index in ClickHouse. */
export async function integrate(settings: CollectorSettings, onFatal: (error: unknown) => void): Promise<RunningStage> {
  const logger = createStderrLogger(settings.logLevel, { stage: "integrate" });
  const registry = new Registry();
  const metrics = createIntegrateMetrics(registry);
  const rows = openLenientRows(settings.clickhouseUrl, logger);
  const warnOfObjects = (message: string, details: object) => logger.warn(details, message);
  const objects = await openObjects(settings.objects, { warn: warnOfObjects });
  const key = await loadOrCreateSigningKey(settings.signingKeyPath, settings.logOrigin);
  const keyring = settings.masterKey && (await openOrCreateKeyring(objects, settings.masterKey));
  const cursor = (name: string) => openJournalCursor(settings.journalDir, name);
  const writer = `${hostname()}, process ${process.pid}`;

  const prices = createPrices(settings.prices);
  const recent = createRecentEntries();
  let directory: DirectoryKeeper | null = null;
  const audit = createAuditSink(
    {
      objects,
      key,
      cursor: cursor("audit"),
      keys: keyring?.writer() ?? null,
      seen: createSeenRecords(),
      logger,
      keepPrices: createKeptPrices(objects, prices, (message) => logger.warn(message)),
      onPublished: (entries) =>
        recent.add(entries.map(({ index, leaf, record }) => logEntryRow(settings.shard, index, leaf, record))),
      onHead: () => directory?.headStands(),
      onBatch: ({ records, duplicates, conflicts, treeSize }) => {
        count(metrics, "audit", { records, duplicates, conflicts });
        metrics.treeSize.set(treeSize);
      },
    },
    { shard: settings.shard, contentRetentionDays: settings.contentRetentionDays, writer },
  );
  const resolver = createResolver(rows, { nowMs: Date.now });
  const clickhouse = createMetricsSink(
    {
      rows,
      resolver,
      cursor: cursor("metrics"),
      intent: cursor("metrics-intent"),
      unsure: await keepUnsureFrames(settings.journalDir),
      seen: createSeenRecords(),
      prices,
      onWritten: ({ rows: records, duplicates, conflicts }) =>
        count(metrics, "metrics", { records, duplicates, conflicts }),
    },
    { installation: await journalIdentity(settings.journalDir) },
  );

  const normalize = countingNormalizer(prices, metrics);
  const frames = createNormalizedFrames(() => openJournalReader(settings.journalDir), normalize, settings);
  const follow = (sink: Sink, lingerMs: number) => {
    const follower = startFollower(sink, frames, { logger, random: Math.random, onFatal }, { ...settings, lingerMs });
    metrics.watch(sink.name, follower);
    return follower;
  };
  const followers = [follow(audit, settings.auditLingerMs), follow(clickhouse, settings.metricsLingerMs)];
  const logIndex = startLogIndex({ objects, rows, recent, logger }, settings);
  const abandoned = startAbandonedRuns({ resolver, nowMs: Date.now, logger });
  // A head that stands before it starts is in its first round.
  const { directoryKeyPath } = settings;
  if (directoryKeyPath !== null)
    directory = await startDirectory({ objects, key, logger, registry, writer }, { ...settings, directoryKeyPath });

  return {
    ready: null,
    metrics: () => registry.metrics(),
    troubles: () =>
      [...followers, logIndex, abandoned].map((part) => part.trouble()).filter((trouble) => trouble !== null),
    warnings: () => directory?.troubles() ?? [],
    async stop() {
      const deadline = performance.now() + settings.drainMs;
      const busy = () => followers.some((follower) => !follower.caughtUp() && follower.trouble() === null);
      while (busy() && performance.now() < deadline) await sleep(settings.pollMs);
      await Promise.all([...followers, logIndex, abandoned].map((part) => part.stop()));
      await directory?.stop(DIRECTORY_STOP_MS);
      await frames.close();
      await rows.close();
    },
  };
}

function countingNormalizer({ cost }: Prices, metrics: IntegrateMetrics) {
  const toNormalForm = createFrameNormalizer(cost);
  return (frame: JournalFrame) => {
    const normalized = toNormalForm(frame);
    metrics.undigested.inc(
      normalized.records.filter(({ facts }) => RUNLEDGER.normalizeError in facts.attributes).length,
    );
    return normalized;
  };
}

function count(
  metrics: IntegrateMetrics,
  sink: string,
  batch: { records: number; duplicates: number; conflicts: number },
): void {
  metrics.records.inc({ sink }, batch.records);
  metrics.duplicates.inc({ sink }, batch.duplicates);
  metrics.conflicts.inc({ sink }, batch.conflicts);
}

/** The collector's clock. */
function nowUnixNano(): bigint {
  return BigInt(Date.now()) * 1_000_000n;
}
