import { type Command, Option } from "commander";
import type { EraseFlags } from "./commands/erase.ts";
import type { HoldFlags } from "./commands/holds.ts";
import type { Console } from "./program.ts";

type Guard = <Arguments extends unknown[]>(
  act: (...args: Arguments) => Promise<void>,
) => (...args: Arguments) => Promise<void>;

const reason = () => new Option("--reason <text>", "why; it is kept in the log").makeOptionMandatory();

/** Erasure and legal holds: what asks a running query API. */
export function addPrivacyCommands(program: Command, apiUrl: Option, guarded: Guard, console: Console): void {
  program
    .command("erase")
    .description("make what was recorded of a person, or of a run of nobody's, unreadable for ever")
    .addOption(apiUrl)
    .option("--user <id>", "the person, as the agents name them")
    .option("--run <id>", "a run that names no person")
    .addOption(reason())
    .option("--json", "as JSON")
    .action(guarded(async (flags: EraseFlags) => (await import("./commands/erase.ts")).eraseContent(flags, console)));
  program
    .command("hold")
    .description("set a legal hold: what it names can't be erased, and nothing expires")
    .addOption(apiUrl)
    .option("--user <id>", "a person")
    .option("--run <id>", "a run")
    .option("--agent <name>", "all runs of an agent")
    .option("--session <id>", "all runs of a session")
    .option("--all", "everything")
    .addOption(reason())
    .option("--json", "as JSON")
    .action(guarded(async (flags: HoldFlags) => (await import("./commands/holds.ts")).setHold(flags, console)));
  program
    .command("holds")
    .description("list the legal holds in force")
    .addOption(apiUrl)
    .option("--json", "as JSON")
    .action(
      guarded(async (flags: { api: string; json?: boolean }) =>
        (await import("./commands/holds.ts")).listHolds(flags, console),
      ),
    );
  program
    .command("lift")
    .description("lift a legal hold")
    .argument("<hold>", "its id")
    .addOption(apiUrl)
    .addOption(reason())
    .action(
      guarded(async (id: string, flags: { api: string; reason: string }) =>
        (await import("./commands/holds.ts")).liftHold(id, flags, console),
      ),
    );
}
