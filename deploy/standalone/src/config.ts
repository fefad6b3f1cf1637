import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { type PriceOverrides, parsePriceOverrides, shardName } from "@runledger/collector";
import type { TlsSettings } from "@runledger/contract";
import type { MasterKeySource } from "@runledger/storage";
import { z } from "zod";
import { masterKeySource } from "./master-key-path.ts";
import { SettingsError } from "./settings-error.ts";
import { readTls } from "./tls-files.ts";

const port = z.coerce.number().int().min(0).max(65_535);

/** Every setting of the standalone, by the name of its environment variable. The README's table is made from the same list. */
const environment = z
  .object({
    RUNLEDGER_DATA_DIR: z.string().min(1).default(".runledger"),
    RUNLEDGER_HOST: z.string().min(1).default("127.0.0.1"),
    RUNLEDGER_OTLP_GRPC_PORT: port.default(4317),
    RUNLEDGER_OTLP_HTTP_PORT: port.default(4318),
    RUNLEDGER_API_PORT: port.default(4400),
    RUNLEDGER_OBJECTS: z.string().min(1).optional(),
    RUNLEDGER_SHARD: shardName.default("0"),
    RUNLEDGER_WITNESS_POLICY: z.string().min(1).optional(),
    RUNLEDGER_WITNESS_LOGS: z.enum(["directory", "all"]).default("directory"),
    RUNLEDGER_TSA_URL: z.url({ protocol: /^https?$/ }).optional(),
    RUNLEDGER_CLICKHOUSE_URL: z.url({ protocol: /^https?$/ }).optional(),
    RUNLEDGER_ACK: z.enum(["journal", "object"]).default("journal"),
    RUNLEDGER_ENCRYPTION: z.enum(["on", "off"]).default("on"),
    RUNLEDGER_MASTER_KEY: z.string().min(1).optional(),
    RUNLEDGER_CONTENT_RETENTION_DAYS: z.coerce.number().int().min(1).max(20_000).default(400),
    RUNLEDGER_RETENTION_DAYS: z.coerce.number().int().min(1).max(20_000).default(400),
    RUNLEDGER_PRICES: z.string().min(1).optional(),
    RUNLEDGER_API_KEY: z.string().min(16, "at least 16 characters").optional(),
    RUNLEDGER_TLS_CERT: z.string().min(1).optional(),
    RUNLEDGER_TLS_KEY: z.string().min(1).optional(),
    RUNLEDGER_TLS_CLIENT_CA: z.string().min(1).optional(),
    RUNLEDGER_ALERT_WEBHOOK_URL: z
      .url({ protocol: /^https?$/ })
      .refine(
        (url) => !hasCredentials(url),
        "without user and password: the receiver knows us by RUNLEDGER_ALERT_WEBHOOK_SECRET",
      )
      .optional(),
    RUNLEDGER_ALERT_WEBHOOK_SECRET: z.string().min(16, "at least 16 characters").optional(),
    RUNLEDGER_SETTINGS_REASON: z.string().min(1).max(1_000).optional(),
    RUNLEDGER_REQUIRE_REASON: z.enum(["on", "off"]).default("off"),
    RUNLEDGER_LOG_LEVEL: z.enum(["trace", "debug", "info", "warn", "error", "silent"]).default("info"),
  })
  .refine(
    (given) => given.RUNLEDGER_ALERT_WEBHOOK_URL === undefined || given.RUNLEDGER_ALERT_WEBHOOK_SECRET !== undefined,
    {
      path: ["RUNLEDGER_ALERT_WEBHOOK_SECRET"],
      message: "set one, so that the receiver of alerts can tell ours from others'",
    },
  );

/** Settings whose values are told to nobody, not even when they are wrong. */
const SECRETS: ReadonlySet<string> = new Set([
  "RUNLEDGER_API_KEY",
  "RUNLEDGER_MASTER_KEY",
  "RUNLEDGER_ALERT_WEBHOOK_SECRET",
  "RUNLEDGER_ALERT_WEBHOOK_URL",
  "RUNLEDGER_CLICKHOUSE_URL",
]);

function hasCredentials(url: string): boolean {
  const parsed = URL.parse(url);
  return parsed !== null && parsed.username + parsed.password !== "";
}

export interface StandaloneSettings {
  dataDir: string;
  host: string;
  grpcPort: number;
  httpPort: number;
  apiPort: number;
  /** `file:PATH`, absolute. */
  objects: string;
  /** The log in these objects that this collector writes, alone. */
  shard: string;
  /** Path of a tlog-policy with the witnesses to be asked; null: nobody is. */
  witnessPolicy: string | null;
  witnessLogs: "directory" | "all";
  tsaUrl: string | null;
  /** What an answer to OTLP waits for. */
  ack: "journal" | "object";
  /** null: start the embedded one. */
  clickhouseUrl: string | null;
  /** Whether new payloads are sealed. */
  encryption: boolean;
  /** Where the master key of sealed payloads is; never asked for while nothing was sealed. */
  masterKey: MasterKeySource;
  retentionDays: number;
  /** How old contents become before their keys are destroyed. */
  contentRetentionDays: number;
  /** The user's own prices; null: only those that come with us. */
  prices: PriceOverrides | null;
  /** The key of the installation, which opens everything; null: only keys that were made do. */
  apiKey: string | null;
  /** Of OTLP and the query API; null: plain. */
  tls: TlsSettings | null;
  /** The certificate's file; null without TLS. */
  tlsCertPath: string | null;
  webhook: { url: string; secret: string } | null;
  /** Why settings have changed, for the record that is kept of it. */
  settingsReason: string | null;
  /** Whether reads of content are refused to who gives no reason. */
  requireReason: boolean;
  logLevel: string;
}

/** Reads the settings once. @throws SettingsError that lists everything wrong at once. */
export function readSettings(env: NodeJS.ProcessEnv): Readonly<StandaloneSettings> {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ""));
  const parsed = environment.safeParse(given);
  if (!parsed.success) {
    throw new SettingsError(
      parsed.error.issues.map((issue) => {
        const name = String(issue.path[0]);
        return `${name}${SECRETS.has(name) ? "" : `=${given[name] ?? ""}`}: ${issue.message}`;
      }),
    );
  }
  const values = parsed.data;
  const dataDir = resolve(values.RUNLEDGER_DATA_DIR);
  return Object.freeze({
    dataDir,
    host: values.RUNLEDGER_HOST,
    grpcPort: values.RUNLEDGER_OTLP_GRPC_PORT,
    httpPort: values.RUNLEDGER_OTLP_HTTP_PORT,
    apiPort: values.RUNLEDGER_API_PORT,
    objects: values.RUNLEDGER_OBJECTS ?? `file:${resolve(dataDir, "objects")}`,
    ack: values.RUNLEDGER_ACK,
    shard: values.RUNLEDGER_SHARD,
    witnessPolicy: values.RUNLEDGER_WITNESS_POLICY === undefined ? null : resolve(values.RUNLEDGER_WITNESS_POLICY),
    witnessLogs: values.RUNLEDGER_WITNESS_LOGS,
    tsaUrl: values.RUNLEDGER_TSA_URL ?? null,
    clickhouseUrl: values.RUNLEDGER_CLICKHOUSE_URL ?? null,
    encryption: values.RUNLEDGER_ENCRYPTION === "on",
    masterKey: masterKeySource(values.RUNLEDGER_MASTER_KEY, dataDir),
    retentionDays: values.RUNLEDGER_RETENTION_DAYS,
    contentRetentionDays: values.RUNLEDGER_CONTENT_RETENTION_DAYS,
    prices: values.RUNLEDGER_PRICES === undefined ? null : readPrices(resolve(values.RUNLEDGER_PRICES)),
    apiKey: values.RUNLEDGER_API_KEY ?? null,
    tls: readTls(values),
    tlsCertPath: values.RUNLEDGER_TLS_CERT === undefined ? null : resolve(values.RUNLEDGER_TLS_CERT),
    webhook:
      values.RUNLEDGER_ALERT_WEBHOOK_URL === undefined || values.RUNLEDGER_ALERT_WEBHOOK_SECRET === undefined
        ? null
        : { url: values.RUNLEDGER_ALERT_WEBHOOK_URL, secret: values.RUNLEDGER_ALERT_WEBHOOK_SECRET },
    settingsReason: values.RUNLEDGER_SETTINGS_REASON ?? null,
    requireReason: values.RUNLEDGER_REQUIRE_REASON === "on",
    logLevel: values.RUNLEDGER_LOG_LEVEL,
  });
}

/** @throws SettingsError that lists every fault of the file. */
function readPrices(path: string): PriceOverrides {
  let file: Uint8Array;
  try {
    file = readFileSync(path);
  } catch (error) {
    throw new SettingsError([`RUNLEDGER_PRICES: ${error instanceof Error ? error.message : String(error)}`]);
  }
  const read = parsePriceOverrides(file);
  if ("faults" in read) throw new SettingsError(read.faults.map((fault) => `RUNLEDGER_PRICES=${path}: ${fault}`));
  return read.overrides;
}
