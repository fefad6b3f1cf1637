import { z } from "zod";
import { QueryApiError } from "./error.ts";

const ms = z.coerce.number().int().positive();
const limit = z.coerce.number().int().positive();
const LOOPBACK_HOSTS = ["127.0.0.1", "::1", "localhost"];

/** All settings of the query API with their defaults. Milliseconds unless named otherwise. */
export const queryApiSettings = z
  .strictObject({
    host: z.string().min(1).default("127.0.0.1"),
    /** 0 picks a free one. */
    port: z.coerce.number().int().min(0).max(65_535).default(4400),
    /** Callers send it as Bearer, or as Basic with any user. Null: no key, on loopback only. */
    apiKey: z.string().min(16, "at least 16 characters").nullable().default(null),
    tenant: z.string().min(1).default("default"),
    /** The shard whose log `/v1/audit` serves. */
    shard: z
      .string()
      .regex(/^[A-Za-z0-9._-]+$/)
      .default("0"),
    /** A run that promised heartbeats is abandoned after this many missed ones … */
    heartbeatsMissed: limit.default(3),
    /** … but never before this. */
    heartbeatSilenceMs: ms.default(60_000),
    /** A run that promised none is abandoned after this silence. */
    abandonedAfterMs: ms.default(15 * 60_000),
    requestsPerMinute: limit.default(6_000),
    maxEventLoopDelayMs: ms.default(2_000),
    maxBodyBytes: limit.default(64 * 1024),
    livePollMs: ms.default(500),
    liveHeartbeatMs: ms.default(15_000),
    liveMaxClients: limit.default(200),
    alertIntervalMs: ms.default(1_000),
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
  .refine((settings) => settings.apiKey !== null || LOOPBACK_HOSTS.includes(settings.host), {
    path: ["apiKey"],
    message: "set a key (RUNLEDGER_API_KEY) before listening on anything but loopback",
  })
  .refine((settings) => settings.alertWebhookUrl === null || settings.alertWebhookSecret !== null, {
    path: ["alertWebhookSecret"],
    message: "set RUNLEDGER_ALERT_WEBHOOK_SECRET, so that the receiver can tell our deliveries from others",
  });
export type QueryApiSettings = Readonly<z.infer<typeof queryApiSettings>>;

/** Which environment variable sets which setting. */
const VARIABLES = {
  RUNLEDGER_HOST: "host",
  RUNLEDGER_API_PORT: "port",
  RUNLEDGER_API_KEY: "apiKey",
  RUNLEDGER_TENANT: "tenant",
  RUNLEDGER_SHARD: "shard",
  RUNLEDGER_HEARTBEATS_MISSED: "heartbeatsMissed",
  RUNLEDGER_HEARTBEAT_SILENCE_MS: "heartbeatSilenceMs",
  RUNLEDGER_ABANDONED_AFTER_MS: "abandonedAfterMs",
  RUNLEDGER_API_REQUESTS_PER_MINUTE: "requestsPerMinute",
  RUNLEDGER_LIVE_POLL_MS: "livePollMs",
  RUNLEDGER_LIVE_MAX_CLIENTS: "liveMaxClients",
  RUNLEDGER_ALERT_INTERVAL_MS: "alertIntervalMs",
  RUNLEDGER_ALERT_WEBHOOK_URL: "alertWebhookUrl",
  RUNLEDGER_ALERT_WEBHOOK_SECRET: "alertWebhookSecret",
  RUNLEDGER_ALERT_WEBHOOK_TIMEOUT_MS: "alertWebhookTimeoutMs",
  RUNLEDGER_ALERT_WEBHOOK_ATTEMPTS: "alertWebhookAttempts",
} as const satisfies Record<string, keyof z.input<typeof queryApiSettings>>;

/** Settings from the environment, frozen. @throws QueryApiError that lists every bad setting. */
export function readQueryApiSettings(environment: Readonly<Record<string, string | undefined>>): QueryApiSettings {
  const given: Record<string, string> = {};
  for (const [variable, setting] of Object.entries(VARIABLES)) {
    const value = environment[variable];
    if (value !== undefined && value !== "") given[setting] = value;
  }
  const parsed = queryApiSettings.safeParse(given);
  if (parsed.success) return Object.freeze(parsed.data);
  const details = parsed.error.issues.map((issue) => ({ field: issue.path.join("."), message: issue.message }));
  const listed = details.map(({ field, message }) => `${variableOf(field)}: ${message}`).join("; ");
  throw new QueryApiError("invalid_argument", `bad settings: ${listed}`, { details });
}

function variableOf(setting: string): string {
  return Object.entries(VARIABLES).find(([, name]) => name === setting)?.[0] ?? setting;
}
