import { randomUUID } from "node:crypto";
import { HEARTBEAT_SILENCE_MS, HEARTBEATS_MISSED, SILENCE_ABANDONS_MS, tlsSettings } from "@runledger/contract";
import { z } from "zod";

const ms = z.number().int().positive();
const limit = z.number().int().positive();

/** All settings of the query API with their defaults. Handed in whole: the standalone reads the environment. */
export const queryApiSettings = z
  .strictObject({
    host: z.string().min(1).default("127.0.0.1"),
    /** 0 picks a free one. */
    port: z.number().int().min(0).max(65_535).default(4400),
    /** null: plain HTTP. */
    tls: tlsSettings.nullable().default(null),
    /** The key of the installation: an admin, of every tenant. Null: only keys that were made count; while there are none, loopback alone is served. */
    apiKey: z.string().min(16, "at least 16 characters").nullable().default(null),
    /** Whether reads of content are refused to who gives no reason. */
    requireReason: z.boolean().default(false),
    /** Names this process among those over the same store. One that keeps its name over a restart has its duties back at once. */
    instance: z
      .string()
      .min(1)
      .default(() => randomUUID()),
    /** The shard whose log `/v1/audit` serves. */
    shard: z
      .string()
      .regex(/^[A-Za-z0-9._-]+$/)
      .default("0"),
    /** How old content may become before its keys are destroyed. */
    contentRetentionDays: limit.default(400),
    /** How often interrupted erasures, late rows and what has expired are looked for. */
    upkeepMs: ms.default(60_000),
    /** A run that promised heartbeats is abandoned after this many missed ones … */
    heartbeatsMissed: limit.default(HEARTBEATS_MISSED),
    /** … but never before this. */
    heartbeatSilenceMs: ms.default(HEARTBEAT_SILENCE_MS),
    /** A run that promised none is abandoned after this silence. */
    abandonedAfterMs: ms.default(SILENCE_ABANDONS_MS),
    requestsPerMinute: limit.default(6_000),
    maxEventLoopDelayMs: ms.default(2_000),
    maxBodyBytes: limit.default(64 * 1024),
    livePollMs: ms.default(500),
    liveHeartbeatMs: ms.default(15_000),
    /** Event streams at once; a tenant has as many as it leaves free. */
    liveMaxClients: limit.default(400),
    /** How soon a kill or an answer that another query API took is noticed. */
    controlPollMs: ms.default(500),
    /** Agents that may wait at `GET /v1/control` at once; of a tenant as many as it leaves free. */
    controlMaxWaiters: limit.default(20_000),
    alertIntervalMs: ms.default(500),
    /** Where bundles are made and kept; null: no exports. */
    exportsDir: z.string().min(1).nullable().default(null),
    /** How long a bundle can be fetched. */
    exportKeepMs: ms.default(7 * 24 * 3_600_000),
    /** Of rows in ClickHouse; told in bundles. */
    retentionDays: limit.nullable().default(null),
    alertWebhookUrl: z
      .url({ protocol: /^https?$/ })
      .nullable()
      .default(null),
    /** Signs every delivery; required with a webhook. */
    alertWebhookSecret: z.string().min(16, "at least 16 characters").nullable().default(null),
    alertWebhookTimeoutMs: ms.default(5_000),
    alertWebhookAttempts: limit.max(20).default(8),
    /** The first wait between two attempts; doubles, with jitter, up to a minute. */
    alertWebhookBackoffMs: ms.default(500),
  })
  .refine((settings) => settings.alertWebhookUrl === null || settings.alertWebhookSecret !== null, {
    path: ["alertWebhookSecret"],
    message: "set RUNLEDGER_ALERT_WEBHOOK_SECRET, so that the receiver can tell our deliveries from others",
  });
export type QueryApiSettings = Readonly<z.infer<typeof queryApiSettings>>;
