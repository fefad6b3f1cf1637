import { runDemo } from "../demo/run-demo.ts";
import type { Console } from "../program.ts";

/** `runledger demo`: the demo agents against a running Runledger. */
export async function runDemoCommand(flags: { endpoint: string; rounds: string }, console: Console): Promise<void> {
  const rounds = Number(flags.rounds);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 1_000)
    throw new Error(`--rounds ${flags.rounds}: a whole number from 1 to 1000.`);
  await runDemo({ endpoint: flags.endpoint, rounds, log: (line) => void console.stdout.write(`${line}\n`) });
}
