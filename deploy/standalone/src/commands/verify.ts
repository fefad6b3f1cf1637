import { openObjects } from "@runledger/storage";
import { type OpenStore, runVerify, type VerifyFlags, visibleText } from "@runledger/verify";
import pc from "picocolors";
import { apiAccess, reasonHeader } from "../api-client.ts";
import type { Console } from "../program.ts";
import { payloadKeysAtHand } from "./payload-keys.ts";

/** `runledger verify`: what `@runledger/verify` does, and buckets. Prints the verdict and ends with its exit code. @throws UnreadableError. */
export async function verifyCommand(target: string, flags: VerifyFlags, console: Console): Promise<void> {
  const { key, reason } = apiAccess(target, console.env);
  // A verdict is about what was written first; what was put over it since is told beside it, at once and in the notes.
  const warn = (message: string, details: object): void => {
    if (console.stderr.isTTY === true) console.stderr.write("\r\u001b[K");
    console.stderr.write(pc.yellow(`warning: ${visibleText(`${message}: ${JSON.stringify(details)}`)}\n`));
  };
  // Where the payloads' keys are at hand, sealed payloads are opened too.
  const openStore: OpenStore = async (location, dataDir) => {
    const told = new Set<string>();
    const warnOfStore = (message: string, details: object): void => {
      told.add(noteOf(message, details));
      warn(message, details);
    };
    const store = await openObjects(location, { access: "read", warn: warnOfStore });
    const tell = (message: string): void => warn(message, {});
    const findKey = await payloadKeysAtHand(store, { dataDir, env: console.env, warn: tell });
    return { store, findKey, notes: () => firstOf([...told]) };
  };
  const code = await runVerify(target, flags, {
    stdout: console.stdout,
    stderr: console.stderr,
    openStore,
    headers: {
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...(reason === undefined ? {} : reasonHeader(reason)),
    },
  });
  console.exit(code);
}

/** As a note of the verification, which scripts and the auditor's file keep. */
function noteOf(message: string, details: object): string {
  const words = Object.entries(details).map(([name, value]) => `${name} ${value}`);
  return `${message.slice(0, 1).toUpperCase()}${message.slice(1)}: ${words.join(", ")}.`;
}

const MAX_NOTES = 50;

function firstOf(notes: readonly string[]): string[] {
  const more = notes.length - MAX_NOTES;
  return more <= 0 ? [...notes] : [...notes.slice(0, MAX_NOTES), `… and ${more} more of what lies over evidence.`];
}
