import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { LogError, parsePolicy, VERDICT_EXIT_CODES, type Verdict } from "@runledger/contract";
import { tarFiles, verifyBundle } from "@runledger/verify";

const PYTHON_DIR = fileURLToPath(new URL("../../verify/python/", import.meta.url));
/**
 * A case a line, in one process. Signatures that the suite made itself are known, so that openssl need not be asked for each; what is not known is. A fault of
 * the verifier's own is told apart from a refusal: both would be exit code 4.
 */
const DRIVER = `
import base64, functools, hashlib, json, sys, traceback
sys.path.insert(0, sys.argv[1])
import runledger_verify as v
made, asked = set(), functools.lru_cache(None)(v.ed25519_ok)
def ed25519_ok(key, message, signature):
    return hashlib.sha256(key + message + signature).hexdigest() in made or asked(key, message, signature)
v.ed25519_ok = ed25519_ok
for line in sys.stdin:
    path, policy, since, new = json.loads(line)
    made.update(new)
    try:
        keys, rules, quorum = v.parse_policy(base64.b64decode(policy))
        result = v.verify(path, keys, [base64.b64decode(each) for each in since], rules, quorum)
        answer = [result["verdict"], v.CODES[result["verdict"]], result["findings"][:4], result["notes"]]
    except v.Unreadable as error:
        answer = ["UNREADABLE", v.CODES["UNREADABLE"], [str(error)], []]
    except BaseException:
        answer = ["FAILED", 4, traceback.format_exc().splitlines()[-3:], []]
    print(json.dumps(answer), flush=True)
`;

/** What is verified, and whom the caller trusts: all of it bytes, as it would lie in files. */
export interface AgreeCase {
  tar: Buffer;
  policy: Buffer;
  since?: readonly Buffer[];
}

/** FAILED: a fault of the verifier's own. */
export interface Said {
  verdict: Verdict | "FAILED";
  exitCode: number;
  notes: string[];
  /** For a failing test. */
  why: unknown;
}

export interface AgreeingVerifiers {
  ask(asked: AgreeCase): Promise<{ node: Said; python: Said }>;
  /** A signature that is right: SHA-256 of public key, message and signature. */
  know(digest: string): void;
  close(): Promise<void>;
}

export async function startAgreeingVerifiers(): Promise<AgreeingVerifiers> {
  const directory = await mkdtemp(join(tmpdir(), "runledger-agree-"));
  const python = spawn("python3", ["-c", DRIVER, PYTHON_DIR], { stdio: ["pipe", "pipe", "inherit"] });
  const answers = createInterface(python.stdout)[Symbol.asyncIterator]();
  const path = join(directory, "bundle.tar");
  const made: string[] = [];
  const askPython = async ({ tar, policy, since = [] }: AgreeCase): Promise<Said> => {
    await writeFile(path, tar);
    const texts = since.map((note) => note.toString("base64"));
    python.stdin.write(`${JSON.stringify([path, policy.toString("base64"), texts, made.splice(0)])}\n`);
    const { value, done } = await answers.next();
    if (done === true) throw new Error("the verifier in Python ended");
    const [verdict, exitCode, why, notes] = JSON.parse(value);
    return { verdict, exitCode, why, notes };
  };
  return {
    async ask(asked) {
      const [node, said] = await Promise.all([askNode(asked), askPython(asked)]);
      return { node, python: said };
    },
    know: (digest) => made.push(digest),
    async close() {
      python.stdin.end();
      await new Promise((resolve) => python.once("exit", resolve));
      await rm(directory, { recursive: true });
    },
  };
}

/** What stands at the beginning of a tar is never changed here: what is UNREADABLE in a bundle is a fault that was caught. */
async function askNode({ tar, policy, since = [] }: AgreeCase): Promise<Said> {
  const input = async function* () {
    yield tar;
  };
  try {
    const trusted = parsePolicy(policy);
    const trust = { verifierKeys: trusted.logs, witnessed: trusted, sinceCheckpoints: since };
    const { verdict, findings, notes } = await verifyBundle(() => tarFiles(input()), trust);
    const failed = findings.find((finding) => finding.verdict === "UNREADABLE");
    if (failed !== undefined) return { verdict: "FAILED", exitCode: 4, why: failed, notes: [] };
    return { verdict, exitCode: VERDICT_EXIT_CODES[verdict], why: findings.slice(0, 4), notes };
  } catch (error) {
    if (error instanceof LogError && error.code === "malformed")
      return { verdict: "UNREADABLE", exitCode: VERDICT_EXIT_CODES.UNREADABLE, why: error.message, notes: [] };
    return { verdict: "FAILED", exitCode: 4, why: error instanceof Error ? error.stack : error, notes: [] };
  }
}
