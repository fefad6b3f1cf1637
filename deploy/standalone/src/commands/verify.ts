import { VERDICT_EXIT_CODES } from "@runledger/contract";
import { openObjects } from "@runledger/storage";
import { type OpenStore, runVerify, type VerifyFlags } from "@runledger/verify";
import pc from "picocolors";
import { apiKeyOf } from "../config.ts";
import type { Console } from "../program.ts";
import { payloadKeysAtHand } from "./payload-keys.ts";

export const UNREADABLE_EXIT_CODE = VERDICT_EXIT_CODES.UNREADABLE;

/** `runledger verify`: what `@runledger/verify` does, and buckets. Prints the verdict and ends with its exit code. @throws UnreadableError. */
export async function verifyCommand(target: string, flags: VerifyFlags, console: Console): Promise<void> {
  const apiKey = apiKeyOf(console.env);
  // A verdict is about what was written first; what was put over it since is told beside it.
  const warn = (message: string, details: object): void => {
    if (console.stderr.isTTY === true) console.stderr.write("\r\u001b[K");
    console.stderr.write(pc.yellow(`warning: ${message}: ${JSON.stringify(details)}\n`));
  };
  // Where the payloads' keys are at hand, sealed payloads are opened too.
  const openStore: OpenStore = async (location, dataDir) => {
    const store = await openObjects(location, { access: "read", warn });
    const tell = (message: string): void => warn(message, {});
    return { store, findKey: await payloadKeysAtHand(store, { dataDir, env: console.env, warn: tell }) };
  };
  const code = await runVerify(target, flags, {
    stdout: console.stdout,
    stderr: console.stderr,
    openStore,
    ...(apiKey === undefined ? {} : { headers: { authorization: `Bearer ${apiKey}` } }),
  });
  console.exit(code);
}
