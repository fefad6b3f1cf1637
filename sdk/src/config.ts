import { z } from "zod";
import { MAX_TIMER_MS } from "./limits/limit-guard.ts";

/** What `createRunledger` may be told; what is left out comes from the environment, then from the default. */
export interface Settings {
  /** The collector's OTLP/gRPC address. RUNLEDGER_ENDPOINT; http://127.0.0.1:4317. */
  endpoint?: string | undefined;
  /** Sent as a bearer token. RUNLEDGER_API_KEY; none. */
  apiKey?: string | undefined;
  /** `service.name` of what is recorded. OTEL_SERVICE_NAME; "agent". */
  serviceName?: string | undefined;
  /** How often a running agent gives a sign of life, ms. RUNLEDGER_HEARTBEAT_MS; 10 000. */
  heartbeatMs?: number | undefined;
  /** Records that wait in memory while the collector is away. RUNLEDGER_QUEUE_RECORDS; 100 000. */
  queueRecords?: number | undefined;
  /** The same in bytes. RUNLEDGER_QUEUE_BYTES; 64 MiB. Past either bound new records are dropped, counted and reported once. */
  queueBytes?: number | undefined;
  /** How long `flush`, `shutdown` and the process's exit wait for the collector, ms. RUNLEDGER_FLUSH_TIMEOUT_MS; 5 000. */
  flushTimeoutMs?: number | undefined;
  /** Where our own failures are told, once a kind. Default: a Node.js process warning. */
  log?: ((message: string) => void) | undefined;
}

const millis = z.coerce.number().int().positive().max(MAX_TIMER_MS);
const config = z.object({
  endpoint: z.url({ protocol: /^https?$/ }).default("http://127.0.0.1:4317"),
  apiKey: z.string().min(1).optional(),
  serviceName: z.string().min(1).default("agent"),
  heartbeatMs: millis.default(10_000),
  queueRecords: z.coerce.number().int().positive().default(100_000),
  queueBytes: z.coerce.number().int().positive().default(67_108_864),
  flushTimeoutMs: millis.default(5_000),
});
export type Config = Readonly<z.infer<typeof config>>;

/** The only reader of the environment in this package. @throws Error that lists every bad setting. */
export function readConfig(settings: Settings, environment: NodeJS.ProcessEnv): Config {
  const parsed = config.safeParse({
    endpoint: settings.endpoint ?? set(environment["RUNLEDGER_ENDPOINT"]),
    apiKey: settings.apiKey ?? set(environment["RUNLEDGER_API_KEY"]),
    serviceName: settings.serviceName ?? set(environment["OTEL_SERVICE_NAME"]),
    heartbeatMs: settings.heartbeatMs ?? set(environment["RUNLEDGER_HEARTBEAT_MS"]),
    queueRecords: settings.queueRecords ?? set(environment["RUNLEDGER_QUEUE_RECORDS"]),
    queueBytes: settings.queueBytes ?? set(environment["RUNLEDGER_QUEUE_BYTES"]),
    flushTimeoutMs: settings.flushTimeoutMs ?? set(environment["RUNLEDGER_FLUSH_TIMEOUT_MS"]),
  });
  if (!parsed.success) throw new Error(`runledger: bad settings\n${z.prettifyError(parsed.error)}`);
  return Object.freeze(parsed.data);
}

function set(value: string | undefined): string | undefined {
  return value === "" ? undefined : value;
}
