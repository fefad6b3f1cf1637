import { actList, type ListedAct } from "@runledger/contract";
import { withVisibleTexts } from "@runledger/verify";
import Table from "cli-table3";
import pc from "picocolors";
import { apiAccess, askApi } from "../api-client.ts";
import type { Console } from "../program.ts";

export interface ActFlags {
  api: string;
  action?: string;
  actor?: string;
  since?: string;
  until?: string;
  limit: string;
  json?: boolean;
}

/** `runledger acts`: who did what, the newest first. */
export async function listActs(flags: ActFlags, console: Pick<Console, "env" | "stdout">): Promise<void> {
  const { api: url, json, ...filter } = flags;
  const query = new URLSearchParams(Object.entries(filter));
  const { items, next_cursor } = await askApi(apiAccess(url, console.env), `/v1/acts?${query}`, actList);
  if (json === true) return void console.stdout.write(`${JSON.stringify(items, null, 2)}\n`);
  if (items.length === 0) return void console.stdout.write("Nobody did such a thing.\n");
  console.stdout.write(`${tableOf(items)}\n`);
  if (next_cursor !== null) console.stdout.write(pc.dim("there are older ones: --until TIME, --limit N\n"));
}

function tableOf(acts: readonly ListedAct[]): string {
  const dim = pc.isColorSupported ? ["dim"] : []; // none into a pipe
  const table = new Table({
    head: ["time (UTC)", "action", "who", "why", "what it was done to", "in the log"],
    style: { head: dim, border: dim, compact: true },
  });
  for (const { time, action, actor, reason, target, shard, log_index } of withVisibleTexts(acts)) {
    const what = Object.entries(target)
      .filter(([, value]) => value !== null)
      .map(([name, value]) => `${name} ${wordOf(value)}`);
    table.push([
      time.slice(0, 19).replace("T", " "),
      action,
      actor.key_id === null ? actor.name : `${actor.name} (${actor.key_id})`,
      reason ?? "—",
      what.join("\n"),
      `${shard}/${log_index}`,
    ]);
  }
  return table.toString();
}

function wordOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
