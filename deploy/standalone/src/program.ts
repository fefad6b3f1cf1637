import { Command, Option } from "commander";
import { addAccessCommands } from "./access-commands.ts";
import { runDemoCommand } from "./commands/demo.ts";
import { type ExportFlags, exportCommand } from "./commands/export.ts";
import { type PolicyFlags, printPolicy } from "./commands/policy.ts";
import { rebuildRows } from "./commands/rebuild.ts";
import { rotateMaster } from "./commands/rotate-master.ts";
import { listRuns } from "./commands/runs.ts";
import { tailRuns } from "./commands/tail.ts";
import { startUp } from "./commands/up.ts";
import { UNREADABLE_EXIT_CODE, verifyCommand } from "./commands/verify.ts";
import { readSettings } from "./config.ts";
import { addControlCommands } from "./control-commands.ts";
import { guarded } from "./guarded.ts";
import { API_URL } from "./options.ts";
import { addPrivacyCommands } from "./privacy-commands.ts";
import { useTrust } from "./trust.ts";

/** Where a command reads its settings, writes its answer, and ends. */
export type Console = Pick<NodeJS.Process, "env" | "stdout" | "stderr" | "exit" | "on" | "once">;

const DATA_DIR = new Option("--data-dir <dir>", "where everything is kept")
  .env("RUNLEDGER_DATA_DIR")
  .default(".runledger");

const PRICES = new Option("--prices <file>", "your own prices of models, see docs/prices.md (RUNLEDGER_PRICES)");

/** The `runledger` command: each subcommand is a file in `commands/` and a paragraph here. */
export function createProgram(console: Console): Command {
  const program = new Command("runledger")
    .description("The flight recorder for AI agents.")
    .showHelpAfterError("(run with --help for all options)")
    .configureOutput({ writeErr: (text) => void console.stderr.write(text) });
  const trust = async () => useTrust(console.env);
  program.hook("preAction", guarded(console, trust));
  addServerCommands(program, console);
  addKeyCommands(program, console);
  addReadingCommands(program, console);
  addExportCommand(program, console);
  addLogCommands(program, console);
  addPrivacyCommands(program, API_URL, (act) => guarded(console, act), console);
  addControlCommands(program, console);
  addAccessCommands(program, console);
  return program;
}

function addServerCommands(program: Command, console: Console): void {
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
    .option("--log-level <level>", "trace, debug, info, warn, error or silent (RUNLEDGER_LOG_LEVEL)")
    .option("--demo", "run a set of demo agents against it, a runaway one among them")
    .allowExcessArguments() // a word that names no command comes here, since this is the default one
    .action(
      guarded(console, async (flags: UpFlags, command: Command) => {
        if (command.args.length > 0) program.error(`error: unknown command '${command.args[0]}'`);
        await startUp(settingsFrom(console, flags), { demo: flags.demo === true }, console);
      }),
    );

  program
    .command("demo")
    .description("run the demo agents against a running Runledger")
    .addOption(
      new Option("--endpoint <url>", "its OTLP/gRPC address")
        .env("RUNLEDGER_ENDPOINT")
        .default("http://127.0.0.1:4317"),
    )
    .option("--rounds <n>", "how often", "1")
    .action(guarded(console, async (flags: { endpoint: string; rounds: string }) => runDemoCommand(flags, console)));

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
        rebuildRows(settingsFrom(console, flags), { reprice: flags.reprice === true }, console),
      ),
    );
}

function addKeyCommands(program: Command, console: Console): void {
  program
    .command("rotate-master-key")
    .description(
      "wrap all data keys by a new master key, made in the place of keys/master.key or given in RUNLEDGER_MASTER_KEY_NEXT; Runledger must be stopped",
    )
    .addOption(DATA_DIR)
    .option("--objects <location>", "where the audit log lives (RUNLEDGER_OBJECTS)")
    .option("--reason <text>", "why, for the record that is kept of it")
    .action(
      guarded(console, async ({ reason, ...flags }: UpFlags & { reason?: string }) =>
        rotateMaster(settingsFrom(console, flags), { reason }, console),
      ),
    );
}

function addReadingCommands(program: Command, console: Console): void {
  program
    .command("runs")
    .description("list runs; “+?” behind a sum: at least so much, since some calls did not tell theirs")
    .addOption(API_URL)
    .option("--status <status>", "running, completed, failed, stopped, killed, handed_off or abandoned")
    .option("--agent <name>")
    .option("--since <time>", "RFC 3339")
    .option("--limit <n>", "how many", "20")
    .option("--json", "as JSON")
    .action(guarded(console, async (flags) => listRuns(flags, console)));

  program
    .command("tail")
    .description("follow runs as they go on")
    .addOption(API_URL)
    .option("--json", "a JSON object a line")
    .action(guarded(console, async (flags) => tailRuns(flags, console)));
}

function addExportCommand(program: Command, console: Console): void {
  program
    .command("export")
    .description("make an evidence bundle of the log, or of what the filter selects: see docs/bundle.md")
    .requiredOption("--recipient <who>", "who gets it: recorded in the log")
    .requiredOption("--reason <why>", "recorded in the log")
    .option("-o, --output <file>", "where the bundle goes", "bundle.tar")
    .option("--since <time>", "RFC 3339; received at or after")
    .option("--until <time>", "RFC 3339; received before")
    .option("--agent <name>")
    .option("--task-type <type>")
    .option("--session <id>")
    .option("--user <id>")
    .option("--run <id>")
    .addOption(new Option("--run-id <id>", "as --run").hideHelp())
    .option("--status <status>", "completed, failed, stopped, killed or handed_off")
    .option("--outcome <outcome>")
    .option("--no-content", "facts and hashes only: no prompts, arguments or results")
    .option(
      "--since-checkpoint <file>",
      "a checkpoint that the recipient kept, to compare with (may be repeated)",
      all,
      [],
    )
    .addOption(API_URL)
    .option("--data-dir <dir>", "make it from this data directory instead, without a running Runledger")
    .option("--objects <location>", "or from this file:PATH or s3://BUCKET/PREFIX?…")
    .option("--shard <name>", "one log alone, where there are several: without it the bundle is of all")
    .option("--tenant <name>", "of a data directory with several", "default")
    .action(guarded(console, async (flags: ExportFlags) => exportCommand(flags, console)));
}

function addLogCommands(program: Command, console: Console): void {
  program
    .command("verify")
    .description(
      "recompute a bundle or an audit log and say whether it is genuine, complete and unaltered; exit code 0 VERIFIED, 1 TAMPERED, 2 INCOMPLETE, 3 UNTRUSTED, 4 unreadable",
    )
    .argument(
      "[target]",
      "a bundle (tar or unpacked), a data directory, s3://BUCKET/PREFIX?…, or the URL of a bundle or a query API",
      console.env["RUNLEDGER_DATA_DIR"] ?? ".runledger",
    )
    .exitOverride((error) => console.exit(error.exitCode === 0 ? 0 : UNREADABLE_EXIT_CODE)) // 1 would say TAMPERED
    .option(
      "--policy <file>",
      "C2SP tlog-policy with the log keys you trust; `runledger policy` prints one to hand over out of band",
    )
    .option("--key <vkey>", "a verifier key you trust, or a file with one (may be repeated)", all, [])
    .option("--since-checkpoint <file>", "an earlier checkpoint that its log must extend (may be repeated)", all, [])
    .option("--tsa-cert <file>", "certificate of the time stamping authority (RFC 3161) that you trust")
    .option("--shard <name>", "only this log of a store with several; a bundle of it alone")
    .option("--patience <seconds>", "how long a server may take for 64 KiB, or for the rest of its answer (60)")
    .option("--json", "the verdict as JSON")
    .action(guarded(console, async (target: string, flags) => verifyCommand(target, flags, console)));

  program
    .command("policy")
    .description("print the policy that trusts this installation's logs, and the directory of them")
    .option("--data-dir <dir...>", "where everything is kept; of several collectors the directory of each", [
      console.env["RUNLEDGER_DATA_DIR"] ?? ".runledger",
    ])
    .option("--objects <location>", "where the logs lie (RUNLEDGER_OBJECTS)", console.env["RUNLEDGER_OBJECTS"])
    .option("--shard <name>", "one log alone, and the directory")
    .action(guarded(console, async (flags: PolicyFlags) => printPolicy(flags, console)));
}

/** Of an option that may be repeated. */
function all(value: string, before: string[]): string[] {
  return [...before, value];
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
  demo?: boolean;
}

/** Flags win over the environment; both are checked by the same rules. */
function settingsFrom(console: Console, flags: UpFlags) {
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
  };
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return readSettings({ ...console.env, ...set });
}
