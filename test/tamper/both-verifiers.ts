import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parsePolicy } from "@runledger/contract";
import { createTimestampCheck, tarFiles, verifyBundle } from "@runledger/verify";

const PYTHON_DIR = fileURLToPath(new URL("../../verify/python/", import.meta.url));
/** Verifies a bundle a line, in one process: starting Python for each takes longer than verifying. openssl is asked once for each signature. */
const DRIVER = `
import functools, json, sys
sys.path.insert(0, sys.argv[1])
import runledger_verify as v
v.ed25519_ok = functools.lru_cache(None)(v.ed25519_ok)
for line in sys.stdin:
    path, keys, since, policy, cert, shard = json.loads(line)
    rules, quorum = {}, "none"
    try:
        if policy is not None:
            logs, rules, quorum = v.parse_policy(policy.encode())
        result = v.verify(path, [v.parse_key(key) for key in keys], [open(each, "rb").read() for each in since], rules, quorum, cert and v.read_certificate(cert), shard)
        print(json.dumps([result["verdict"], result["findings"][:3], dict(result["anchors"], logs=result["logs"]), result["notes"], result]), flush=True)
    except v.Unreadable as error:
        print(json.dumps(["UNREADABLE", str(error), None, [], None]), flush=True)
`;

export interface Trusting {
  keys: readonly string[];
  since?: Buffer | readonly Buffer[];
  /** The one log that was asked for. */
  shard?: string;
  /** Whose quorum is asked. */
  policy?: string;
  /** File with a certificate of a time stamping authority. */
  tsaCert?: string;
}

export interface Verdicts {
  node: string;
  python: string;
  /** What each found first, for a failing test. */
  why: unknown;
  /** What each says that others attest. */
  anchors: { node: unknown; python: unknown };
  /** What each notes of times of receipt. */
  times: { node: string[]; python: string[] };
  /** All that each reports; null when it could not begin. */
  report: { node: object | null; python: object | null };
}

/** Verdict, findings, anchors, notes, all. */
type Answer = [string, unknown, unknown, string[], object | null];

/** The two verifiers, asked the same. */
export interface BothVerifiers {
  verify(tar: Buffer, trust: Trusting): Promise<Verdicts>;
  close(): Promise<void>;
}

export async function startBothVerifiers(): Promise<BothVerifiers> {
  const directory = await mkdtemp(join(tmpdir(), "runledger-both-"));
  const python: ChildProcess = spawn("python3", ["-c", DRIVER, PYTHON_DIR], { stdio: ["pipe", "pipe", "inherit"] });
  if (python.stdout === null || python.stdin === null) throw new Error("no pipes to Python");
  const { stdin } = python;
  const answers = createInterface(python.stdout)[Symbol.asyncIterator]();
  const path = join(directory, "bundle.tar");
  const sincePath = join(directory, "since");

  const askPython = async (tar: Buffer, { keys, since, policy, tsaCert, shard }: Trusting): Promise<Answer> => {
    await writeFile(path, tar);
    const earlier = notesOf(since).map((note, i) => ({ note, path: `${sincePath}-${i}` }));
    for (const each of earlier) await writeFile(each.path, each.note);
    const paths = earlier.map((each) => each.path);
    stdin.write(`${JSON.stringify([path, keys, paths, policy ?? null, tsaCert ?? null, shard ?? null])}\n`);
    const { value, done } = await answers.next();
    if (done === true) throw new Error("the verifier in Python ended");
    return JSON.parse(value);
  };
  const askNode = async (tar: Buffer, { keys, since, policy, tsaCert, shard }: Trusting): Promise<Answer> => {
    const input = async function* () {
      yield tar;
    };
    try {
      const witnessed = policy === undefined ? {} : { witnessed: parsePolicy(policy) };
      const stamps = tsaCert === undefined ? {} : { checkTimestamp: createTimestampCheck(await readFile(tsaCert)) };
      const trust = { verifierKeys: keys, ...witnessed, ...stamps, sinceCheckpoints: notesOf(since) };
      const verification = await verifyBundle(
        () => tarFiles(input()),
        trust,
        () => undefined,
        shard ?? null,
      );
      const { verdict, findings, anchors, logs, notes } = verification;
      return [verdict, findings.slice(0, 3), { ...anchors, logs }, notes, verification];
    } catch (error) {
      return ["UNREADABLE", String(error), null, [], null];
    }
  };
  return {
    async verify(tar, trust) {
      const [node, python] = await Promise.all([askNode(tar, trust), askPython(tar, trust)]);
      const why = { node: node[1], python: python[1] };
      const times = { node: node[3].filter(isOfTimes), python: python[3].filter(isOfTimes) };
      const report = { node: node[4], python: python[4] };
      return { node: node[0], python: python[0], why, anchors: { node: node[2], python: python[2] }, times, report };
    },
    async close() {
      stdin.end();
      await new Promise((resolve) => python.once("exit", resolve));
      await rm(directory, { recursive: true });
    },
  };
}

function notesOf(since: Trusting["since"]): readonly Buffer[] {
  if (since === undefined) return [];
  return Buffer.isBuffer(since) ? [since] : since;
}

const isOfTimes = (note: string): boolean => note.includes("to have been received at");
