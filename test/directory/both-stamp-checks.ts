import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { LogError } from "@runledger/contract";
import { createTimestampCheck } from "@runledger/verify";

const PYTHON_DIR = fileURLToPath(new URL("../../verify/python/", import.meta.url));
/** Many stamps a line, in one process. openssl is asked once for each signature. */
const DRIVER = `
import base64, functools, json, sys, traceback
sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
import runledger_verify as v
v.signature_ok = functools.lru_cache(None)(v.signature_ok)
v.read_certificate = functools.lru_cache(None)(v.read_certificate)
def said(cert, stamped, token):
    try:
        return v.stamped_at(base64.b64decode(token), stamped, v.read_certificate(cert))
    except v.Unreadable:
        return "UNREADABLE"
    except BaseException:
        return "FAILED " + " ".join(traceback.format_exc().splitlines()[-3:])
for line in sys.stdin:
    cert, stamped, tokens = json.loads(line)
    print(json.dumps([said(cert, base64.b64decode(stamped), token) for token in tokens]), flush=True)
`;

/** A time; null: it does not hold; `UNREADABLE`: the certificate can't be used; `FAILED …`: a fault of the verifier's own. */
export type StampTime = string | null;

/** What each verifier says of time stamps, by the authority's certificate. */
export interface BothStampChecks {
  ask(cert: string, stamped: Buffer, tokens: readonly Buffer[]): Promise<{ node: StampTime; python: StampTime }[]>;
  close(): Promise<void>;
}

export function startBothStampChecks(): BothStampChecks {
  const python = spawn("python3", ["-c", DRIVER, PYTHON_DIR], { stdio: ["pipe", "pipe", "inherit"] });
  const answers = createInterface(python.stdout)[Symbol.asyncIterator]();
  return {
    async ask(cert, stamped, tokens) {
      const [text, ...texts] = [stamped, ...tokens].map((bytes) => bytes.toString("base64"));
      python.stdin.write(`${JSON.stringify([cert, text, texts])}\n`);
      const node = await Promise.all(tokens.map((token) => askNode(cert, stamped, token)));
      const { value, done } = await answers.next();
      if (done === true) throw new Error("the verifier in Python ended");
      const said: StampTime[] = JSON.parse(value);
      return node.map((time, i) => ({ node: time, python: said[i] ?? null }));
    },
    async close() {
      python.stdin.end();
      await new Promise((resolve) => python.once("exit", resolve));
    },
  };
}

async function askNode(cert: string, stamped: Buffer, token: Buffer): Promise<StampTime> {
  try {
    return await createTimestampCheck(readFileSync(cert))(token, stamped);
  } catch (error) {
    if (!(error instanceof LogError)) return `FAILED ${error}`;
    return error.code === "malformed" ? "UNREADABLE" : null;
  }
}
