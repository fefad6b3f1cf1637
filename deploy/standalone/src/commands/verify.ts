import { VERDICT_EXIT_CODES } from "@runledger/contract";
import { openObjects } from "@runledger/storage";
import { runVerify, type Store, type VerifyFlags } from "@runledger/verify";
import pc from "picocolors";
import { apiKeyOf } from "../config.ts";
import type { Console } from "../program.ts";

export const UNREADABLE_EXIT_CODE = VERDICT_EXIT_CODES.UNREADABLE;

/** `runledger verify`: what `@runledger/verify` does, and buckets. Prints the verdict and ends with its exit code. @throws UnreadableError. */
export async function verifyCommand(target: string, flags: VerifyFlags, console: Console): Promise<void> {
  const apiKey = apiKeyOf(console.env);
  // A verdict is about what was written first; what was put over it since is told beside it.
  const warn = (message: string, details: object): void => {
    if (console.stderr.isTTY === true) console.stderr.write("\r\u001b[K");
    console.stderr.write(pc.yellow(`warning: ${message}: ${JSON.stringify(details)}\n`));
  };
  const openStore = (location: string): Promise<Store> => openObjects(location, { access: "read", warn });
  const code = await runVerify(target, flags, {
    stdout: console.stdout,
    stderr: console.stderr,
    openStore,
    ...(apiKey === undefined ? {} : { headers: { authorization: `Bearer ${apiKey}` } }),
  });
  console.exit(code);
}
