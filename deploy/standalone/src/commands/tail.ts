import { type Run, run } from "@runledger/contract";
import { withVisibleTexts } from "@runledger/verify";
import pc from "picocolors";
import { apiAccess, reach } from "../api-client.ts";
import type { Console } from "../program.ts";
import { colouredStatus, duration, runName, tokens, usd } from "../run-words.ts";

/** `runledger tail`: a line for each change of a run, until Ctrl-C or the server ends. */
export async function tailRuns(flags: { api: string; json?: boolean }, console: Console): Promise<void> {
  const response = await reach(apiAccess(flags.api, console.env), "/v1/live", {
    accept: "text/event-stream",
  });
  if (!response.ok || response.body === null) throw new Error(`The query API answered ${response.status} to /v1/live.`);
  console.stdout.once("error", () => console.exit(0)); // nobody reads on: `| head`
  const decoder = new TextDecoder();
  let buffered = "";
  for await (const chunk of response.body) {
    buffered += decoder.decode(chunk, { stream: true });
    const events = buffered.split("\n\n");
    buffered = events.pop() ?? "";
    for (const event of events) printEvent(event, flags.json === true, console);
  }
}

function printEvent(event: string, asJson: boolean, console: Console): void {
  const lines = event.split("\n");
  if (!lines.includes("event: run")) return;
  const data = lines
    .filter((line) => line.startsWith("data:"))
    .map((line) => line.slice(5).trim())
    .join("\n");
  if (asJson) return void console.stdout.write(`${data}\n`);
  console.stdout.write(`${runLine(withVisibleTexts(run.parse(JSON.parse(data))))}\n`);
}

function runLine(of: Run): string {
  const burnt = `${of.steps} steps, ${tokens(of)} tokens, ${usd(of)}`;
  const why = of.reason ?? of.error?.message ?? of.error?.type ?? "";
  return `${pc.dim(of.last_seen_time.slice(11, 19))} ${colouredStatus(of.status)} ${runName(of)} ${duration(of.duration_ms)}, ${burnt} ${pc.dim(of.run_id)} ${why}`.trimEnd();
}
