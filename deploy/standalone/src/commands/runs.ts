import { type Run, runList } from "@runledger/contract";
import { withVisibleTexts } from "@runledger/verify";
import Table from "cli-table3";
import pc from "picocolors";
import { apiAccess, askApi } from "../api-client.ts";
import type { Console } from "../program.ts";
import { colouredStatus, duration, runName, tokens, tools, usd } from "../run-words.ts";

export interface RunsFlags {
  api: string;
  status?: string;
  agent?: string;
  since?: string;
  limit: string;
  json?: boolean;
}

/** `runledger runs`: a table of the newest runs. */
export async function listRuns(flags: RunsFlags, console: Console): Promise<void> {
  const query = new URLSearchParams({ limit: flags.limit });
  for (const name of ["status", "agent", "since"] as const) {
    const value = flags[name];
    if (value !== undefined) query.set(name, value);
  }
  const list = await askApi(apiAccess(flags.api, console.env), `/v1/runs?${query}`, runList);
  if (flags.json === true) return void console.stdout.write(`${JSON.stringify(list.items, null, 2)}\n`);
  if (list.items.length === 0)
    return void console.stdout.write("No runs match. Send one: see README.md, “Your first recorded agent”.\n");
  console.stdout.write(`${runsTable(list.items)}\n`);
  if (list.next_cursor !== null) console.stdout.write(pc.dim(`There are more: --limit ${Number(flags.limit) * 5}\n`));
}

function runsTable(runs: readonly Run[]): string {
  const dim = pc.isColorSupported ? ["dim"] : []; // none into a pipe
  const table = new Table({
    head: ["status", "agent", "started", "took", "steps", "tools", "tokens in / out", "cost", "run"],
    colAligns: ["left", "left", "left", "right", "right", "right", "right", "right", "left"],
    style: { head: dim, border: dim, compact: true },
  });
  for (const run of withVisibleTexts(runs)) {
    table.push([
      colouredStatus(run.status),
      runName(run),
      run.start_time.slice(0, 19).replace("T", " "),
      duration(run.duration_ms),
      run.steps,
      tools(run),
      tokens(run),
      usd(run),
      run.run_id,
    ]);
  }
  return table.toString();
}
