import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { styleText } from "node:util";
import { formatStoreVerification, parsePolicy, VERDICT_EXIT_CODES, type Verdict } from "@runledger/contract";
import { formatBundleVerification } from "./bundle-verification.ts";
import { type OpenStore, UnreadableError, type Verification, verifyTarget } from "./targets.ts";
import { createTimestampCheck } from "./timestamp.ts";
import type { Trust } from "./trust.ts";
import { visibleJson, withVisibleTexts } from "./visible-text.ts";

export interface VerifyFlags {
  policy?: string;
  key: string[];
  sinceCheckpoint?: string[];
  shard?: string;
  /** Certificate of a time stamping authority, PEM or DER. */
  tsaCert?: string;
  /** Seconds, see `TargetOptions`. */
  patience?: string;
  json?: boolean;
}

export interface VerifySurroundings {
  stdout: Pick<NodeJS.WriteStream, "write" | "isTTY">;
  stderr: Pick<NodeJS.WriteStream, "write" | "isTTY">;
  headers?: Record<string, string>;
  openStore?: OpenStore;
}

type Style = "green" | "red" | "yellow";
/** Node's `fetch` waits no longer for a part of an answer. */
const MAX_PATIENCE_SECONDS = 300;

const STYLE: Record<Verdict, Style> = {
  VERIFIED: "green",
  TAMPERED: "red",
  INCOMPLETE: "yellow",
  UNTRUSTED: "yellow",
  UNREADABLE: "red",
};

const HOW_TO_TRUST = `
Nothing else is wrong with it, but whoever could rewrite the log could also have written the key beside it. Say whom you trust:
  runledger policy > policy.txt        where the log is written; hand the file over out of band
  … verify … --policy policy.txt
`;

/** Prints the verdict and gives its exit code. Trust comes from the caller's files, never from the target. @throws UnreadableError. */
export async function runVerify(target: string, flags: VerifyFlags, around: VerifySurroundings): Promise<number> {
  const isTerminal = around.stderr.isTTY === true && flags.json !== true;
  const onProgress = (entries: number, size: number | null): void => {
    if (isTerminal) around.stderr.write(`\r\u001b[K  ${entries}${size === null ? "" : ` of ${size}`} entries`);
  };
  const { headers, openStore } = around;
  const verification = await trustOf(flags)
    .then((trust) =>
      verifyTarget(target, {
        trust,
        ...(flags.shard === undefined ? {} : { shard: flags.shard }),
        ...(flags.patience === undefined ? {} : { patienceSeconds: secondsOf(flags.patience) }),
        onProgress,
        ...(headers === undefined ? {} : { headers }),
        ...(openStore === undefined ? {} : { openStore }),
      }),
    )
    .catch(asUnreadable);
  if (isTerminal) around.stderr.write("\r\u001b[K");
  around.stdout.write(flags.json === true ? `${visibleJson(verification)}\n` : text(verification, around));
  return VERDICT_EXIT_CODES[verification.verdict];
}

function text(said: Verification, { stdout }: VerifySurroundings): string {
  const verification = withVisibleTexts(said);
  const { verdict } = verification;
  const plain =
    "bundle" in verification ? formatBundleVerification(verification) : formatStoreVerification(verification);
  const shown = stdout.isTTY === true ? styleText(STYLE[verdict], verdict, { validateStream: false }) : verdict;
  const isOnlyUntrusted = verdict === "UNTRUSTED" && verification.findingsTotal === 1;
  return shown + plain.slice(verdict.length) + (isOnlyUntrusted ? HOW_TO_TRUST : "");
}

/** From `--key` (a verifier key, or a file with one), `--policy` (C2SP tlog-policy), `--since-checkpoint` and `--tsa-cert`. */
async function trustOf({ key, policy, sinceCheckpoint = [], tsaCert }: VerifyFlags): Promise<Trust> {
  const keys = await Promise.all(key.map(async (given) => (existsSync(given) ? await readFile(given, "utf8") : given)));
  const trusted = policy === undefined ? null : parsePolicy(await readFile(policy));
  if (trusted?.logs.length === 0 && keys.length === 0)
    throw new UnreadableError("the policy has no line `log <verifier key>`");
  return {
    verifierKeys: [...keys, ...(trusted?.logs ?? [])],
    ...(trusted === null ? {} : { witnessed: trusted }),
    ...(tsaCert === undefined ? {} : { checkTimestamp: createTimestampCheck(await readFile(tsaCert)) }),
    sinceCheckpoints: await Promise.all(sinceCheckpoint.map((file) => readFile(file))),
  };
}

function secondsOf(patience: string): number {
  if (!/^[1-9][0-9]{0,2}$/.test(patience) || Number(patience) > MAX_PATIENCE_SECONDS)
    throw new UnreadableError("--patience: a whole number of seconds is expected, 1 to 300");
  return Number(patience);
}

function asUnreadable(error: unknown): never {
  if (error instanceof UnreadableError) throw error;
  throw new UnreadableError(error instanceof Error ? error.message : String(error), { cause: error });
}
