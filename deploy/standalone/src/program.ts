import { Command, Option } from "commander";
import { addAccessCommands } from "./access-commands.ts";
import type { ExportFlags } from "./commands/export.ts";
import type { PolicyFlags } from "./commands/policy.ts";
import { addControlCommands } from "./control-commands.ts";
import { guarded, UNREADABLE_EXIT_CODE } from "./guarded.ts";
import { API_URL } from "./options.ts";
import { addPrivacyCommands } from "./privacy-commands.ts";
import { addServerCommands } from "./server-commands.ts";
import { useTrust } from "./trust.ts";

/** Where a command reads its settings, writes its answer, and ends. */
export type Console = Pick<NodeJS.Process, "env" | "stdout" | "stderr" | "exit" | "on" | "once">;

/** The `runledger` command: each subcommand is a file in `commands/`, loaded when it is asked for, and a paragraph here. */
export function createProgram(console: Console): Command {
  const program = new Command("runledger")
    .description("The flight recorder for AI agents.")
    .showHelpAfterError("(run with --help for all options)")
    .configureOutput({ writeErr: (text) => void console.stderr.write(text) });
  program.hook(
    "preAction",
    guarded(console, () => useTrust(console.env)),
  );
  addServerCommands(program, console);
  addReadingCommands(program, console);
  addExportCommand(program, console);
  addLogCommands(program, console);
  addPrivacyCommands(program, API_URL, (act) => guarded(console, act), console);
  addControlCommands(program, console);
  addAccessCommands(program, console);
  return program;
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
    .action(guarded(console, async (flags) => (await import("./commands/runs.ts")).listRuns(flags, console)));

  program
    .command("tail")
    .description("follow runs as they go on")
    .addOption(API_URL)
    .option("--json", "a JSON object a line")
    .action(guarded(console, async (flags) => (await import("./commands/tail.ts")).tailRuns(flags, console)));
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
    .action(
      guarded(console, async (flags: ExportFlags) =>
        (await import("./commands/export.ts")).exportCommand(flags, console),
      ),
    );
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
    .action(
      guarded(console, async (target: string, flags) =>
        (await import("./commands/verify.ts")).verifyCommand(target, flags, console),
      ),
    );

  program
    .command("policy")
    .description("print the policy that trusts this installation's logs, and the directory of them")
    .option("--data-dir <dir...>", "where everything is kept; of several collectors the directory of each", [
      console.env["RUNLEDGER_DATA_DIR"] ?? ".runledger",
    ])
    .option("--objects <location>", "where the logs lie (RUNLEDGER_OBJECTS)", console.env["RUNLEDGER_OBJECTS"])
    .option("--shard <name>", "one log alone, and the directory")
    .action(
      guarded(console, async (flags: PolicyFlags) =>
        (await import("./commands/policy.ts")).printPolicy(flags, console),
      ),
    );
}

/** Of an option that may be repeated. */
function all(value: string, before: string[]): string[] {
  return [...before, value];
}
