import { join } from "node:path";
import { z } from "zod";
import { MAX_TIMER_MS } from "./limits/limits.ts";
import type { Pricer } from "./limits/price.ts";
import type { RedactionRule } from "./privacy/rules.ts";
import type { Approver } from "./tools/approver.ts";

/** What `createRunledger` may be told; what is left out comes from the environment, then from the default. */
export interface Settings {
  /** The collector's OTLP/gRPC address. RUNLEDGER_ENDPOINT; http://127.0.0.1:4317. */
  endpoint?: string | undefined;
  /** Sent as a bearer token. RUNLEDGER_API_KEY; none. */
  apiKey?: string | undefined;
  /** A file (PEM) with a CA that is trusted besides those everybody trusts. RUNLEDGER_CA_CERT, OTEL_EXPORTER_OTLP_CERTIFICATE; none. */
  caCert?: string | undefined;
  /** What this process shows to a collector that asks for a certificate (mTLS). RUNLEDGER_CLIENT_CERT, OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE; none. */
  clientCert?: string | undefined;
  /** Its key. RUNLEDGER_CLIENT_KEY, OTEL_EXPORTER_OTLP_CLIENT_KEY; none. */
  clientKey?: string | undefined;
  /** The query API's address, which tells of kills and answers requests for approval. RUNLEDGER_CONTROL_URL; http://127.0.0.1:4400. */
  controlUrl?: string | undefined;
  /** "off": nobody can stop the agents of this process from outside, and nobody is asked for approval. RUNLEDGER_CONTROL; "on". */
  control?: "on" | "off" | undefined;
  /** What agents do once control was away for `controlLostAfterMs`. RUNLEDGER_ON_CONTROL_LOST; "continue". */
  onControlLost?: "continue" | "stop" | undefined;
  /** RUNLEDGER_CONTROL_LOST_AFTER_MS; 60 000. */
  controlLostAfterMs?: number | undefined;
  /** `service.name` of what is recorded. OTEL_SERVICE_NAME; "agent". */
  serviceName?: string | undefined;
  /**
   * Whether spans of another OpenTelemetry set-up made in a wrapped agent are part of its run. "join": they are, so a call that both tell of
   * counts once; "apart": its context is left as it is; "auto": join when it exports to the host of `endpoint` by OTEL_EXPORTER_OTLP_ENDPOINT.
   * RUNLEDGER_OPENTELEMETRY; "auto".
   */
  openTelemetry?: "auto" | "join" | "apart" | undefined;
  /** How often a running agent gives a sign of life, ms. RUNLEDGER_HEARTBEAT_MS; 10 000. */
  heartbeatMs?: number | undefined;
  /** Records that wait in memory while the collector is away. RUNLEDGER_QUEUE_RECORDS; 100 000. */
  queueRecords?: number | undefined;
  /** The same in bytes. RUNLEDGER_QUEUE_BYTES; 64 MiB. Past either bound new records are dropped, counted and reported once. */
  queueBytes?: number | undefined;
  /**
   * Where records wait on disk while the collector is away, readable by this user only; processes may share it. "off": in memory only.
   * RUNLEDGER_SPOOL_DIR; `$XDG_STATE_HOME/runledger/spool`, else `~/.local/state/runledger/spool`, else off.
   */
  spoolDir?: string | undefined;
  /**
   * Where `ledger.checkpoint` keeps what `ledger.resume` goes on from, readable by this user only. "off": nowhere.
   * RUNLEDGER_CHECKPOINT_DIR; `checkpoints` beside the spool.
   */
  checkpointDir?: string | undefined;
  /** Of all files in it; past it what waits stays in memory. RUNLEDGER_SPOOL_BYTES; 256 MiB. */
  spoolBytes?: number | undefined;
  /** Older ones are given up, counted as dropped, ms. RUNLEDGER_SPOOL_MAX_AGE_MS; seven days. */
  spoolMaxAgeMs?: number | undefined;
  /** How long `flush`, `shutdown` and the process's exit wait for the collector, ms. RUNLEDGER_FLUSH_TIMEOUT_MS; 5 000. */
  flushTimeoutMs?: number | undefined;
  /**
   * What goes out of messages, arguments, results, states, reasons and errors. "full": as it is. "redacted": without e-mail addresses, phone and card
   * numbers, IBANs, national ids, secrets, and what `redact` finds; each has a placeholder in its place that tells sameness. "hashes": nothing but
   * keyed hashes and sizes. The last two need `npm install validator libphonenumber-js`. RUNLEDGER_CONTENT; "full", or "redacted" with `redact`.
   */
  content?: "full" | "redacted" | "hashes" | undefined;
  /**
   * What placeholders and hashes are keyed with, at least 16 characters: the same in each process, the same content has the same ones. It also seals
   * checkpoints on disk. RUNLEDGER_CONTENT_KEY; a random one for each process, and checkpoints of content that is not "full" are not kept on disk.
   */
  contentKey?: string | undefined;
  redact?: Redact | undefined;
  /**
   * USD of a model call, for `limits.costUsd`; undefined when it is not known. Default: the table of `@pydantic/genai-prices`, an optional
   * peer that is loaded when the first agent with such a limit is wrapped.
   */
  price?: Pricer | undefined;
  /** Whom tools ask that must be confirmed. Default: people, by the query API; with control "off" nobody, which is a no. */
  approver?: Approver | undefined;
  /** Where our own failures are told, once a kind. Default: a Node.js process warning. */
  log?: ((message: string) => void) | undefined;
}

/** What is to be found in content, beside what is known by itself. */
export interface Redact {
  rules?: readonly RedactionRule[] | undefined;
  /** Whose phone numbers are known without `+`: ISO 3166-1 alpha-2. ["US"]. */
  countries?: readonly string[] | undefined;
}

const millis = z.coerce.number().int().positive().max(MAX_TIMER_MS);
const config = z.object({
  endpoint: z.url({ protocol: /^https?$/ }).default("http://127.0.0.1:4317"),
  apiKey: z.string().min(1).optional(),
  caCert: z.string().optional(),
  clientCert: z.string().optional(),
  clientKey: z.string().optional(),
  controlUrl: z.url({ protocol: /^https?$/ }).default("http://127.0.0.1:4400"),
  control: z.enum(["on", "off"]).default("on"),
  onControlLost: z.enum(["continue", "stop"]).default("continue"),
  controlLostAfterMs: millis.default(60_000),
  serviceName: z.string().min(1).default("agent"),
  openTelemetry: z.enum(["auto", "join", "apart"]).default("auto"),
  otelEndpoint: z.string().optional(),
  heartbeatMs: millis.default(10_000),
  queueRecords: z.coerce.number().int().positive().default(100_000),
  queueBytes: z.coerce.number().int().positive().default(67_108_864),
  spoolDir: z.string().min(1).optional(),
  checkpointDir: z.string().min(1).optional(),
  spoolBytes: z.coerce.number().int().positive().default(268_435_456),
  spoolMaxAgeMs: z.coerce.number().int().positive().default(604_800_000),
  flushTimeoutMs: millis.default(5_000),
  content: z.enum(["full", "redacted", "hashes"]).default("full"),
  contentKey: z.string().min(16).optional(),
});
export type Config = Readonly<z.infer<typeof config>>;

/** The only reader of the environment in this package. @throws Error that lists every bad setting. */
export function readConfig(settings: Settings, environment: NodeJS.ProcessEnv): Config {
  const parsed = config.safeParse({
    endpoint: settings.endpoint ?? set(environment["RUNLEDGER_ENDPOINT"]),
    apiKey: settings.apiKey ?? set(environment["RUNLEDGER_API_KEY"]),
    caCert: settings.caCert ?? oneOf(environment, "RUNLEDGER_CA_CERT", "OTEL_EXPORTER_OTLP_CERTIFICATE"),
    clientCert:
      settings.clientCert ?? oneOf(environment, "RUNLEDGER_CLIENT_CERT", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"),
    clientKey: settings.clientKey ?? oneOf(environment, "RUNLEDGER_CLIENT_KEY", "OTEL_EXPORTER_OTLP_CLIENT_KEY"),
    controlUrl: settings.controlUrl ?? set(environment["RUNLEDGER_CONTROL_URL"]),
    control: settings.control ?? set(environment["RUNLEDGER_CONTROL"]),
    onControlLost: settings.onControlLost ?? set(environment["RUNLEDGER_ON_CONTROL_LOST"]),
    controlLostAfterMs: settings.controlLostAfterMs ?? set(environment["RUNLEDGER_CONTROL_LOST_AFTER_MS"]),
    serviceName: settings.serviceName ?? set(environment["OTEL_SERVICE_NAME"]),
    openTelemetry: settings.openTelemetry ?? set(environment["RUNLEDGER_OPENTELEMETRY"]),
    otelEndpoint:
      set(environment["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]) ?? set(environment["OTEL_EXPORTER_OTLP_ENDPOINT"]),
    heartbeatMs: settings.heartbeatMs ?? set(environment["RUNLEDGER_HEARTBEAT_MS"]),
    queueRecords: settings.queueRecords ?? set(environment["RUNLEDGER_QUEUE_RECORDS"]),
    queueBytes: settings.queueBytes ?? set(environment["RUNLEDGER_QUEUE_BYTES"]),
    spoolDir: settings.spoolDir ?? set(environment["RUNLEDGER_SPOOL_DIR"]) ?? stateDir(environment, "spool"),
    checkpointDir:
      settings.checkpointDir ?? set(environment["RUNLEDGER_CHECKPOINT_DIR"]) ?? stateDir(environment, "checkpoints"),
    spoolBytes: settings.spoolBytes ?? set(environment["RUNLEDGER_SPOOL_BYTES"]),
    spoolMaxAgeMs: settings.spoolMaxAgeMs ?? set(environment["RUNLEDGER_SPOOL_MAX_AGE_MS"]),
    flushTimeoutMs: settings.flushTimeoutMs ?? set(environment["RUNLEDGER_FLUSH_TIMEOUT_MS"]),
    content:
      settings.content ??
      set(environment["RUNLEDGER_CONTENT"]) ??
      (settings.redact === undefined ? undefined : "redacted"),
    contentKey: settings.contentKey ?? set(environment["RUNLEDGER_CONTENT_KEY"]),
  });
  if (!parsed.success) throw new Error(`runledger: bad settings\n${z.prettifyError(parsed.error)}`);
  if (parsed.data.content === "full" && settings.redact !== undefined) {
    throw new Error('runledger: bad settings\n`redact` does nothing with content "full": take "redacted" or "hashes"');
  }
  return Object.freeze(parsed.data);
}

/** As the XDG Base Directory Specification has it for state that should outlive a restart. */
function stateDir(environment: NodeJS.ProcessEnv, name: string): string | undefined {
  const home = set(environment["HOME"]) ?? set(environment["USERPROFILE"]);
  const state = set(environment["XDG_STATE_HOME"]) ?? (home === undefined ? undefined : join(home, ".local", "state"));
  return state === undefined ? undefined : join(state, "runledger", name);
}

/** Our own name, or else the one of OpenTelemetry's exporters. */
function oneOf(environment: NodeJS.ProcessEnv, own: string, standard: string): string | undefined {
  return set(environment[own]) ?? set(environment[standard]);
}

function set(value: string | undefined): string | undefined {
  return value === "" ? undefined : value;
}
