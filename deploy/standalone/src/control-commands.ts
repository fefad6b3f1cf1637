import { APPROVAL_STATUSES } from "@runledger/contract";
import { type Command, Option } from "commander";
import type { ActFlags } from "./commands/acts.ts";
import { guarded } from "./guarded.ts";
import { API_URL } from "./options.ts";
import type { Console } from "./program.ts";

const JSON_OUTPUT = new Option("--json", "as JSON");

/** `runledger kill`, `approvals`, `approve` and `deny`: a person's word over running agents; `acts`: who gave it. */
export function addControlCommands(program: Command, console: Console): void {
  program
    .command("kill")
    .description("stop runs now, and refuse new ones until the kill is lifted (docs/control.md)")
    .addOption(API_URL)
    .option("--run <id>", "this run")
    .option("--agent <name>", "every run of this agent")
    .option("--task-type <name>", "every run of this task type")
    .option("--session <id>", "every run of this session")
    .option("--all", "every run")
    .option("--reason <text>", "why: it goes into the log, and to the agents")
    .option("--list", "show the kills in force")
    .option("--lift <id>", "end a kill: what it refused may run again")
    .addOption(JSON_OUTPUT)
    .action(guarded(console, async (flags) => (await import("./commands/kill.ts")).killRuns(flags, console)));

  program
    .command("approvals")
    .description("list what agents ask approval for; with an id, one request with its arguments")
    .argument("[approval_id]")
    .addOption(API_URL)
    .addOption(new Option("--status <status>", "only these").choices(APPROVAL_STATUSES).default("pending"))
    .option("--all", "whatever their status")
    .addOption(JSON_OUTPUT)
    .action(
      guarded(console, async (id: string | undefined, flags) =>
        (await import("./commands/approvals.ts")).listApprovals(id, flags, console),
      ),
    );

  program
    .command("acts")
    .description("list who did what: reads of content, exports, kills, approvals, erasures, changes of keys and rules")
    .addOption(API_URL)
    .option("--action <name>", "kill, content.read, …; 'approval.*' for all of that kind")
    .option("--actor <who>", "a name or a key id")
    .option("--since <time>", "RFC 3339")
    .option("--until <time>", "RFC 3339")
    .option("--limit <n>", "how many", "20")
    .addOption(JSON_OUTPUT)
    .action(guarded(console, async (flags: ActFlags) => (await import("./commands/acts.ts")).listActs(flags, console)));

  for (const [word, description] of [
    ["approve", "let a call go on that waits for approval"],
    ["deny", "refuse a call that waits for approval; the agent is told why"],
  ] as const) {
    program
      .command(word)
      .description(description)
      .argument("<approval_id>")
      .addOption(API_URL)
      .option("--reason <text>", "why: it goes into the log, and to the agent")
      .addOption(JSON_OUTPUT)
      .action(
        guarded(console, async (id: string, flags) =>
          (await import("./commands/approvals.ts")).answerApproval(id, word, flags, console),
        ),
      );
  }
}
