import { type Kill, type KillScope, kill, killList } from "@runledger/contract";
import { withVisibleTexts } from "@runledger/verify";
import Table from "cli-table3";
import pc from "picocolors";
import { type ApiAccess, apiAccess, askApi, sendApi } from "../api-client.ts";
import type { Console } from "../program.ts";

export interface KillFlags {
  api: string;
  run?: string;
  agent?: string;
  taskType?: string;
  session?: string;
  all?: boolean;
  reason?: string;
  list?: boolean;
  lift?: string;
  json?: boolean;
}

/** `runledger kill`: gives a kill, lists those in force, or lifts one. */
export async function killRuns(flags: KillFlags, console: Console): Promise<void> {
  const api = apiAccess(flags.api, console.env);
  if (flags.list === true) return await listKills(api, flags, console);
  if (flags.lift !== undefined) return await liftKill(api, flags.lift, flags, console);
  const scope = scopeOf(flags);
  if (flags.reason === undefined) throw new Error("Say why, for the log and the agents: --reason TEXT");
  const body = { scope, reason: flags.reason };
  const placed = await sendApi(api, "POST", "/v1/kill", body, kill);
  if (flags.json === true) return void console.stdout.write(`${JSON.stringify(placed, null, 2)}\n`);
  const { scope: reached, reason, by } = withVisibleTexts(placed);
  const words = `${pc.magenta("killed")} ${scopeWords(reached)}: ${reason} (by ${by})`;
  console.stdout.write(`${words}\n${pc.dim(`in force until: runledger kill --lift ${placed.kill_id}`)}\n`);
}

async function listKills(api: ApiAccess, { json }: KillFlags, console: Console): Promise<void> {
  const { items } = await askApi(api, "/v1/kill", killList);
  if (json === true) return void console.stdout.write(`${JSON.stringify(items, null, 2)}\n`);
  console.stdout.write(items.length === 0 ? "No kill is in force.\n" : `${killsTable(items)}\n`);
}

async function liftKill(api: ApiAccess, id: string, { json, reason }: KillFlags, console: Console): Promise<void> {
  const query = reason === undefined ? "" : `?${new URLSearchParams({ reason })}`;
  const lifted = await sendApi(api, "DELETE", `/v1/kill/${encodeURIComponent(id)}${query}`, {}, kill);
  if (json === true) return void console.stdout.write(`${JSON.stringify(lifted, null, 2)}\n`);
  console.stdout.write(
    `lifted: ${scopeWords(withVisibleTexts(lifted.scope))} may run again; what was stopped stays stopped\n`,
  );
}

function scopeOf({ run, agent, taskType, session, all }: KillFlags): KillScope {
  const given = [
    ...(run === undefined ? [] : [{ run_id: run }]),
    ...(agent === undefined ? [] : [{ agent }]),
    ...(taskType === undefined ? [] : [{ task_type: taskType }]),
    ...(session === undefined ? [] : [{ session }]),
    ...(all === true ? [{ all: true as const }] : []),
  ];
  const [scope, ...more] = given;
  if (scope === undefined || more.length > 0) {
    throw new Error("Say what to kill, one of: --run ID, --agent NAME, --task-type NAME, --session ID, --all");
  }
  return scope;
}

function scopeWords(scope: KillScope): string {
  if (scope.all === true) return "all runs";
  const [[name, value] = ["", ""]] = Object.entries(scope);
  return `${name.replace("_id", "").replace("_", " ")} ${value}`;
}

function killsTable(kills: readonly Kill[]): string {
  const dim = pc.isColorSupported ? ["dim"] : []; // none into a pipe
  const table = new Table({
    head: ["what", "since", "by", "why", "id"],
    style: { head: dim, border: dim, compact: true },
  });
  for (const { scope, time, by, reason, kill_id } of withVisibleTexts(kills)) {
    table.push([scopeWords(scope), time.slice(0, 19).replace("T", " "), by, reason, kill_id]);
  }
  return table.toString();
}
