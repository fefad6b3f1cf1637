import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import {
  formatVerification,
  type LogVerification,
  logPrefix,
  packPath,
  policyLogs,
  VERDICT_EXIT_CODES,
  type Verdict,
  verifyLog,
  verifyShard,
} from "@runledger/contract";
import { type Objects, openObjects } from "@runledger/storage";
import pc from "picocolors";
import { type ApiAccess, reach } from "../api-client.ts";
import { apiKeyOf } from "../config.ts";
import type { Console } from "../program.ts";
import { payloadKeysAtHand } from "./payload-keys.ts";

const SHARD = "0";

export interface VerifyFlags {
  policy?: string;
  key: string[];
  sinceCheckpoint?: string;
  json?: boolean;
}

type Trust = {
  verifierKeys: string[];
  sinceCheckpoint?: Uint8Array;
  onProgress: (checked: number, size: number) => void;
};

const COLOUR: Record<Verdict, (text: string) => string> = {
  VERIFIED: pc.green,
  TAMPERED: pc.red,
  INCOMPLETE: pc.yellow,
  UNTRUSTED: pc.yellow,
  UNREADABLE: pc.red,
};

/** `runledger verify`: prints the verdict and ends with its exit code. Trust comes from the caller's keys, never from the target. @throws UnreadableError. */
export async function verifyTarget(target: string, flags: VerifyFlags, console: Console): Promise<void> {
  const isTerminal = console.stderr.isTTY === true && flags.json !== true;
  const api = { url: target, key: apiKeyOf(console.env) };
  const onProgress = (checked: number, size: number): void => {
    if (isTerminal) console.stderr.write(`\r  ${checked} of ${size} entries`);
  };
  // A verdict is about what was written first; what was put over it since is told beside it.
  const warn: Warn = (message, details) => {
    if (isTerminal) console.stderr.write("\r\u001b[K");
    console.stderr.write(pc.yellow(`warning: ${message}: ${JSON.stringify(details)}\n`));
  };
  const verification = await trustOf(flags)
    .then((trust) => verify(api, { ...trust, onProgress }, console.env, warn))
    .catch(asUnreadable);
  if (isTerminal) console.stderr.write("\r\u001b[K");
  if (flags.json === true) console.stdout.write(`${JSON.stringify(verification, null, 2)}\n`);
  else {
    const text = formatVerification(verification);
    console.stdout.write(COLOUR[verification.verdict](verification.verdict) + text.slice(verification.verdict.length));
    if (verification.verdict === "UNTRUSTED" && verification.findingsTotal === 1) console.stdout.write(HOW_TO_TRUST);
  }
  console.exit(VERDICT_EXIT_CODES[verification.verdict]);
}

const HOW_TO_TRUST = `
Nothing else is wrong with it, but whoever could rewrite the log could also have written the key beside it. Say whom you trust:
  runledger policy > policy.txt        where the log is written; hand the file over out of band
  runledger verify … --policy policy.txt
`;

async function verify(target: ApiAccess, trust: Trust, env: NodeJS.ProcessEnv, warn: Warn): Promise<LogVerification> {
  if (/^https?:\/\//.test(target.url)) return await verifyUrl(target, trust);
  if (target.url.startsWith("s3://")) {
    return await verifyStore(await openObjects(target.url, { access: "read", warn }), null, trust, env, warn);
  }
  return await verifyDirectory(target.url, trust, env, warn);
}

type Warn = (message: string, details: object) => void;

/** A data directory, or its `objects`. */
async function verifyDirectory(
  target: string,
  trust: Trust,
  env: NodeJS.ProcessEnv,
  warn: Warn,
): Promise<LogVerification> {
  const objectsDir = [resolve(target, "objects"), resolve(target)].find((dir) =>
    existsSync(resolve(dir, logPrefix(SHARD))),
  );
  if (objectsDir === undefined) {
    throw new UnreadableError(
      `There is no audit log in ${resolve(target)}: give a data directory (${logPrefix(SHARD)} in its objects), or the URL of a query API.`,
    );
  }
  return verifyStore(await openObjects(`file:${objectsDir}`, { access: "read" }), target, trust, env, warn);
}

/** Where the payloads' keys are at hand, sealed payloads are opened too. */
async function verifyStore(
  objects: Objects,
  dataDir: string | null,
  trust: Trust,
  env: NodeJS.ProcessEnv,
  warn: Warn,
): Promise<LogVerification> {
  const findKey = await payloadKeysAtHand(objects, { dataDir, env, warn: (message) => warn(message, {}) });
  return await verifyShard(objects, SHARD, { ...trust, ...(findKey === undefined ? {} : { findKey }) });
}

/** Over HTTP nothing can be listed, so what the log doesn't name isn't looked for. */
function verifyUrl(api: ApiAccess, trust: Trust): Promise<LogVerification> {
  const read = async (path: string) => {
    const response = await reach(api, `/v1/audit/objects/${path}`);
    if (response.status === 404) return null;
    if (!response.ok) throw new Error(`${path}: the query API answered ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  };
  return verifyLog({
    ...trust,
    read: (path) => read(logPrefix(SHARD) + path),
    readPack: (pack) => read(packPath(SHARD, pack)),
  });
}

/** From `--key` (a verifier key, or a file with one), `--policy` (C2SP tlog-policy) and `--since-checkpoint`. */
async function trustOf({ key, policy, sinceCheckpoint }: VerifyFlags): Promise<Omit<Trust, "onProgress">> {
  const keys = await Promise.all(
    key.map(async (given) => (existsSync(given) ? (await readFile(given, "utf8")).trim() : given)),
  );
  const trusted = policy === undefined ? [] : policyLogs(await readFile(policy, "utf8"));
  return {
    verifierKeys: [...keys, ...trusted],
    ...(sinceCheckpoint === undefined ? {} : { sinceCheckpoint: await readFile(sinceCheckpoint) }),
  };
}

function asUnreadable(error: unknown): never {
  throw error instanceof UnreadableError
    ? error
    : new UnreadableError(error instanceof Error ? error.message : String(error), { cause: error });
}

/** What verify can't even begin with: exit code 4. */
export class UnreadableError extends Error {
  readonly exitCode = VERDICT_EXIT_CODES.UNREADABLE;
}
