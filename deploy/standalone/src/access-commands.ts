import { ROLES } from "@runledger/contract";
import { type Command, Option } from "commander";
import { guarded } from "./guarded.ts";
import { API_URL } from "./options.ts";
import type { Console } from "./program.ts";

/** `runledger keys …`: who may do what. */
export function addAccessCommands(program: Command, console: Console): void {
  const keys = program
    .command("keys")
    .description("make, list, rotate and revoke API keys (docs/access.md); RUNLEDGER_API_KEY is the admin's that asks");
  const why = new Option("--reason <text>", "why, for the record that is kept of it");
  const json = new Option("--json", "as JSON");

  keys
    .command("create")
    .description("make a key; its secret is printed this once")
    .addOption(API_URL)
    .requiredOption("--name <name>", "whose it is, and what for")
    .addOption(
      new Option("--role <role>", `${ROLES.join(", ")} (may be repeated, or a list with commas)`)
        .argParser((value, all: string[] = []) => [...all, ...value.split(",")])
        .makeOptionMandatory(),
    )
    .option("--tenant <name>", "whose records it sends or sees; '*' for every tenant's (default: yours)")
    .option("--expires <when>", "after so long (90d, 12h), or at a time (RFC 3339); default: never")
    .addOption(why)
    .addOption(json)
    .action(guarded(console, async (flags) => (await import("./commands/keys.ts")).createKey(flags, console)));

  keys
    .command("list")
    .description("list keys, without their secrets")
    .addOption(API_URL)
    .addOption(json)
    .action(guarded(console, async (flags) => (await import("./commands/keys.ts")).listKeys(flags, console)));

  keys
    .command("rotate")
    .description("give a key a new secret; the old one is taken for a while longer")
    .argument("<key_id>")
    .addOption(API_URL)
    .option("--overlap <duration>", "how long the old secret is still taken (24h, 30m, 0s)", "24h")
    .addOption(why)
    .addOption(json)
    .action(
      guarded(console, async (keyId: string, flags) =>
        (await import("./commands/keys.ts")).rotateKey(keyId, flags, console),
      ),
    );

  keys
    .command("revoke")
    .description("revoke a key, for ever; it stops within seconds")
    .argument("<key_id>")
    .addOption(API_URL)
    .addOption(why)
    .action(
      guarded(console, async (keyId: string, flags) =>
        (await import("./commands/keys.ts")).revokeKey(keyId, flags, console),
      ),
    );
}
