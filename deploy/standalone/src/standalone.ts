import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { type Collector, openSenderKeys, startCollector } from "@runledger/collector";
import { DIRECTORY, logPrefix } from "@runledger/contract";
import { buildWebAssets, webAssetsDir } from "@runledger/dashboards";
import {
  createActRecorder,
  createActSender,
  createNotedSettings,
  noteSettings,
  type QueryApiServer,
  queryApiSettings,
  startQueryApi,
} from "@runledger/query-api";
import {
  acquireDirectoryLock,
  createDatabase,
  loadOrCreateSigningKey,
  migrate,
  type Objects,
  openKeyring,
  openObjects,
  openRows,
  StorageError,
  shortLockFault,
  startEmbeddedClickHouse,
} from "@runledger/storage";
import type { Logger } from "pino";
import { Registry } from "prom-client";
import type { StandaloneSettings } from "./config.ts";
import { requireFreePorts } from "./free-ports.ts";
import { createParts, type Parts } from "./parts.ts";
import { settingsInForce } from "./settings-in-force.ts";
import { systemUser } from "./system-user.ts";

/** Addresses and facts of a running standalone. */
export interface Standalone {
  grpcPort: number;
  httpPort: number;
  apiPort: number;
  verifierKey: string;
  /** Takes no more, integrates what is journalled, and ends every part, in the order in which they use each other. */
  stop(): Promise<void>;
}

export interface StandaloneDependencies {
  logger: Logger;
  /** Told before each part starts. */
  onProgress: (what: string) => void;
  /** Something that can't be survived; the process must end. */
  onFatal: (error: Error) => void;
}

/** Starts everything in this process and its children. What started before a failure is stopped again. */
export async function startStandalone(
  settings: Readonly<StandaloneSettings>,
  dependencies: StandaloneDependencies,
): Promise<Standalone> {
  const parts = createParts(dependencies.onProgress);
  try {
    await lockDirectory(settings, parts);
    await requireFreePorts(settings);
    // Here too, before anything is started: the collector would say the same some seconds later.
    const warn = (message: string, details: object) => dependencies.logger.warn(details, message);
    await (await openSenderKeys(settings, warn)).close();
    const shortLock = shortLockFault(settings.objects, settings.contentRetentionDays);
    if (shortLock !== null) warn(shortLock, {});
    const key = await loadOrCreateSigningKey(keyPath(settings), newOrigin(settings.shard));
    const clickhouseUrl = await startRows(settings, dependencies.logger, parts);
    const ownKey = randomBytes(32).toString("base64url");
    const collector = await parts.start(
      "starting the collector",
      () => startCollector({ ...collectorSettings(settings, clickhouseUrl, key.origin), ownKey }, dependencies),
      (running) => running.stop(),
    );
    await buildWebAssets({ log: dependencies.onProgress });
    const api = await parts.start(
      "starting the query API",
      () => startApi(settings, clickhouseUrl, key.verifierKey, { ...collector, ownKey }, dependencies.logger),
      (running) => running.stop(),
    );
    return {
      grpcPort: collector.grpcPort,
      httpPort: collector.httpPort,
      apiPort: api.server.port,
      verifierKey: key.verifierKey,
      stop: parts.stop,
    };
  } catch (error) {
    await parts.stop();
    throw error;
  }
}

/** Does something with the stores of a standalone that is stopped: its directory locked, its ClickHouse up and migrated. */
export async function withStores(
  settings: Readonly<StandaloneSettings>,
  logger: Logger,
  act: (clickhouseUrl: string) => Promise<void>,
): Promise<void> {
  const parts = createParts(() => undefined);
  try {
    await lockDirectory(settings, parts);
    await act(await startRows(settings, logger, parts));
  } finally {
    await parts.stop();
  }
}

async function lockDirectory(settings: StandaloneSettings, parts: Parts): Promise<void> {
  await parts.start(
    "locking the data directory",
    () => acquireDirectoryLock(settings.dataDir),
    (lock) => lock.release(),
  );
}

/** The embedded ClickHouse, or the server that the settings name; with its tables. */
async function startRows(settings: StandaloneSettings, logger: Logger, parts: Parts): Promise<string> {
  let url = settings.clickhouseUrl;
  if (url === null) {
    const dir = join(settings.dataDir, "clickhouse");
    const embedded = await parts.start(
      "starting ClickHouse",
      () => startEmbeddedClickHouse({ dir, logger }),
      (server) => server.stop(),
    );
    url = embedded.url;
  } else {
    await createDatabase(url);
  }
  const rows = openRows(url);
  try {
    await migrate(rows, { retentionDays: settings.retentionDays });
  } finally {
    await rows.close();
  }
  return url;
}

function collectorSettings(settings: StandaloneSettings, clickhouseUrl: string, logOrigin: string) {
  return {
    host: settings.host,
    tls: settings.tls,
    apiKey: settings.apiKey,
    grpcPort: settings.grpcPort,
    httpPort: settings.httpPort,
    journalDir: join(settings.dataDir, "journal"),
    objects: settings.objects,
    clickhouseUrl,
    signingKeyPath: keyPath(settings),
    logOrigin,
    shard: settings.shard,
    ack: settings.ack,
    directoryKeyPath: keyPath({ ...settings, shard: DIRECTORY }),
    witnessPolicy: settings.witnessPolicy,
    witnessLogs: settings.witnessLogs,
    tsaUrl: settings.tsaUrl,
    prices: settings.prices,
    contentRetentionDays: settings.contentRetentionDays,
    masterKey: settings.encryption ? settings.masterKey : null,
    logLevel: settings.logLevel,
  };
}

async function noteSettingsOf(settings: Readonly<StandaloneSettings>, objects: Objects, logger: Logger): Promise<void> {
  try {
    await noteSettings(createNotedSettings(objects, settings.shard), settingsInForce(settings), {
      ...{ time_ms: Date.now(), by: systemUser(), reason: settings.settingsReason },
      logIsEmpty: (await objects.read(`${logPrefix(settings.shard)}checkpoint`)) === null,
    });
  } catch (error) {
    if (!(error instanceof StorageError && error.code === "damaged")) throw error;
    logger.warn(
      { err: error },
      `what has changed in the settings is not noted: restore or remove state/settings/${settings.shard}.json`,
    );
  }
}

async function startApi(
  settings: StandaloneSettings,
  clickhouseUrl: string,
  verifierKey: string,
  collector: Collector & { ownKey: string },
  logger: Logger,
): Promise<{ server: QueryApiServer; stop: () => Promise<void> }> {
  const rows = openRows(clickhouseUrl);
  const ownRows = openRows(clickhouseUrl);
  const objects = await openObjects(settings.objects, { warn: (message, details) => logger.warn(details, message) });
  await noteSettingsOf(settings, objects, logger);
  // With encryption the collector has made it before.
  const keyring = await openKeyring(objects, settings.masterKey);
  const url = `http://127.0.0.1:${collector.ownPort}`;
  const send = createActSender({ url, ownKey: collector.ownKey });
  const acts = createActRecorder({ send, clock: Date.now, random: Math.random, logger });
  const dependencies = {
    rows,
    ownRows,
    objects,
    keyring,
    acts,
    registry: new Registry(),
    collectMetrics: collector.metrics,
    troubles: collector.troubles,
    warnings: collector.warnings,
    logger,
    clock: Date.now,
    random: Math.random,
    webDir: webAssetsDir,
    verifierKeys: [verifierKey],
  };
  const server = await startQueryApi(
    dependencies,
    queryApiSettings.parse({
      host: settings.host,
      tls: settings.tls,
      port: settings.apiPort,
      exportsDir: join(settings.dataDir, "exports"),
      retentionDays: settings.retentionDays,
      shard: settings.shard,
      // One process has the directory, so its name may outlive it.
      instance: verifierKey,
      apiKey: settings.apiKey,
      requireReason: settings.requireReason,
      contentRetentionDays: settings.contentRetentionDays,
      alertWebhookUrl: settings.webhook?.url ?? null,
      alertWebhookSecret: settings.webhook?.secret ?? null,
    }),
  );
  const stop = async () => {
    await server.close();
    await Promise.all([rows.close(), ownRows.close()]);
  };
  return { server, stop };
}

export function keyPath({ dataDir, shard }: Pick<StandaloneSettings, "dataDir" | "shard">): string {
  return join(dataDir, "keys", `log-${shard}.key`);
}

/** A log's name, given once and for ever when its key is made. */
function newOrigin(shard: string): string {
  return `runledger.local/${randomBytes(8).toString("hex")}/${shard}`;
}
