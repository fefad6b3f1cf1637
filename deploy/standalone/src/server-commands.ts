import { type Command, Option } from "commander";
import { guarded } from "./guarded.ts";
import type { Console } from "./program.ts";

const DATA_DIR = new Option("--data-dir <dir>", "where everything is kept")
  .env("RUNLEDGER_DATA_DIR")
  .default(".runledger");

const PRICES = new Option("--prices <file>", "your own prices of models, see docs/prices.md (RUNLEDGER_PRICES)");

/** `runledger up` and `demo`; and what needs it stopped: `rebuild`, `rotate-master-key`. */
export function addServerCommands(program: Command, console: Console): void {
  addUp(program, console);
  addDemo(program, console);
  addWhatNeedsItStopped(program, console);
}

function addUp(program: Command, console: Console): void {
  program
    .command("up", { isDefault: true })
    .description("start collector, query API and pages in one process tree, on files and an embedded ClickHouse")
    .addOption(DATA_DIR)
    .option("--host <address>", "address to listen on (RUNLEDGER_HOST)")
    .option("--grpc-port <port>", "OTLP/gRPC; 0 picks a free one (RUNLEDGER_OTLP_GRPC_PORT)")
    .option("--http-port <port>", "OTLP/HTTP (RUNLEDGER_OTLP_HTTP_PORT)")
    .option("--api-port <port>", "query API and pages (RUNLEDGER_API_PORT)")
    .option("--objects <location>", "where the audit log lives: file:PATH or s3://BUCKET/PREFIX?… (RUNLEDGER_OBJECTS)")
    .option("--shard <name>", "the log in there that this collector writes, alone (RUNLEDGER_SHARD)")
    .option("--witness-policy <file>", "tlog-policy with witnesses of the directory's heads (RUNLEDGER_WITNESS_POLICY)")
    .option("--tsa-url <url>", "time stamping authority, RFC 3161 (RUNLEDGER_TSA_URL)")
    .option("--clickhouse-url <url>", "a ClickHouse server instead of the embedded one (RUNLEDGER_CLICKHOUSE_URL)")
    .option("--ack <when>", "what an answer waits for: journal, or object: the object store (RUNLEDGER_ACK)")
    .option("--retention-days <days>", "how long ClickHouse keeps rows (RUNLEDGER_RETENTION_DAYS)")
    .option(
      "--content-retention-days <days>",
      "how long contents can be read: then their keys are destroyed (RUNLEDGER_CONTENT_RETENTION_DAYS)",
    )
    .option("--encryption <on|off>", "whether contents are sealed (RUNLEDGER_ENCRYPTION)")
    .addOption(PRICES)
    .option(
      "--api-key <key>",
      "the key of the installation, which opens everything; docs/access.md (RUNLEDGER_API_KEY)",
    )
    .option("--tls-cert <file>", "certificate (PEM) of OTLP and the query API (RUNLEDGER_TLS_CERT)")
    .option("--tls-key <file>", "its key (RUNLEDGER_TLS_KEY)")
    .option("--tls-client-ca <file>", "ask who connects for a certificate of this CA (RUNLEDGER_TLS_CLIENT_CA)")
    .option("--webhook-url <url>", "where alerts are posted (RUNLEDGER_ALERT_WEBHOOK_URL)")
    .option("--webhook-secret <secret>", "signs them (RUNLEDGER_ALERT_WEBHOOK_SECRET)")
    .option("--reason <text>", "why settings have changed, for the record of it (RUNLEDGER_SETTINGS_REASON)")
    .option("--require-reason <on|off>", "refuse reads of content without a reason (RUNLEDGER_REQUIRE_REASON)")
    .option("--log-level <level>", "trace, debug, info, warn, error or silent (RUNLEDGER_LOG_LEVEL)")
    .option("--demo", "run a set of demo agents against it, a runaway one among them")
    .allowExcessArguments() // a word that names no command comes here, since this is the default one
    .action(
      guarded(console, async (flags: UpFlags, command: Command) => {
        if (command.args.length > 0) program.error(`error: unknown command '${command.args[0]}'`);
        await (await import("./commands/up.ts")).startUp(
          await settingsFrom(console, flags),
          { demo: flags.demo === true },
          console,
        );
      }),
    );
}

function addDemo(program: Command, console: Console): void {
  program
    .command("demo")
    .description("run the demo agents against a running Runledger")
    .addOption(
      new Option("--endpoint <url>", "its OTLP/gRPC address")
        .env("RUNLEDGER_ENDPOINT")
        .default("http://127.0.0.1:4317"),
    )
    .option("--rounds <n>", "how often", "1")
    .action(
      guarded(console, async (flags: { endpoint: string; rounds: string }) =>
        (await import("./commands/demo.ts")).runDemoCommand(flags, console),
      ),
    );
}

function addWhatNeedsItStopped(program: Command, console: Console): void {
  program
    .command("rebuild")
    .description("empty ClickHouse and refill it from the audit log; Runledger must be stopped")
    .addOption(DATA_DIR)
    .option(
      "--reprice",
      "cost by the prices of today, not by those that the log says; a plain rebuild brings these back",
    )
    .addOption(PRICES)
    .action(
      guarded(console, async (flags: UpFlags) =>
        (await import("./commands/rebuild.ts")).rebuildRows(
          await settingsFrom(console, flags),
          { reprice: flags.reprice === true },
          console,
        ),
      ),
    );

  program
    .command("rotate-master-key")
    .description(
      "wrap all data keys by a new master key, made in the place of keys/master.key or given in RUNLEDGER_MASTER_KEY_NEXT (base64, file, module:PATH); every Runledger over the store must be stopped",
    )
    .addOption(DATA_DIR)
    .option("--objects <location>", "where the audit log lives (RUNLEDGER_OBJECTS)")
    .option("--reason <text>", "why, for the record that is kept of it")
    .action(
      guarded(console, async ({ reason, ...flags }: UpFlags & { reason?: string }) =>
        (await import("./commands/rotate-master.ts")).rotateMaster(
          await settingsFrom(console, flags),
          { reason },
          console,
        ),
      ),
    );
}

interface UpFlags {
  dataDir?: string;
  host?: string;
  grpcPort?: string;
  httpPort?: string;
  apiPort?: string;
  objects?: string;
  shard?: string;
  witnessPolicy?: string;
  tsaUrl?: string;
  clickhouseUrl?: string;
  ack?: string;
  retentionDays?: string;
  contentRetentionDays?: string;
  encryption?: string;
  prices?: string;
  reprice?: boolean;
  apiKey?: string;
  tlsCert?: string;
  tlsKey?: string;
  tlsClientCa?: string;
  webhookUrl?: string;
  webhookSecret?: string;
  logLevel?: string;
  reason?: string;
  requireReason?: string;
  demo?: boolean;
}

/** Flags win over the environment; both are checked by the same rules. */
async function settingsFrom(console: Console, flags: UpFlags) {
  const given: Record<string, string | undefined> = {
    RUNLEDGER_DATA_DIR: flags.dataDir,
    RUNLEDGER_HOST: flags.host,
    RUNLEDGER_OTLP_GRPC_PORT: flags.grpcPort,
    RUNLEDGER_OTLP_HTTP_PORT: flags.httpPort,
    RUNLEDGER_API_PORT: flags.apiPort,
    RUNLEDGER_OBJECTS: flags.objects,
    RUNLEDGER_SHARD: flags.shard,
    RUNLEDGER_WITNESS_POLICY: flags.witnessPolicy,
    RUNLEDGER_TSA_URL: flags.tsaUrl,
    RUNLEDGER_CLICKHOUSE_URL: flags.clickhouseUrl,
    RUNLEDGER_ACK: flags.ack,
    RUNLEDGER_RETENTION_DAYS: flags.retentionDays,
    RUNLEDGER_CONTENT_RETENTION_DAYS: flags.contentRetentionDays,
    RUNLEDGER_ENCRYPTION: flags.encryption,
    RUNLEDGER_PRICES: flags.prices,
    RUNLEDGER_API_KEY: flags.apiKey,
    RUNLEDGER_TLS_CERT: flags.tlsCert,
    RUNLEDGER_TLS_KEY: flags.tlsKey,
    RUNLEDGER_TLS_CLIENT_CA: flags.tlsClientCa,
    RUNLEDGER_ALERT_WEBHOOK_URL: flags.webhookUrl,
    RUNLEDGER_ALERT_WEBHOOK_SECRET: flags.webhookSecret,
    RUNLEDGER_LOG_LEVEL: flags.logLevel,
    RUNLEDGER_SETTINGS_REASON: flags.reason,
    RUNLEDGER_REQUIRE_REASON: flags.requireReason,
  };
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const { readSettings } = await import("./config.ts");
  return readSettings({ ...console.env, ...set });
}
