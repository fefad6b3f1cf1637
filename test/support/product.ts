import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The program that users start. */
const MAIN = fileURLToPath(new URL("../../deploy/standalone/src/main.ts", import.meta.url));
const START_TIMEOUT_MS = 110_000;
const LONGEST_PAUSE_MS = 2_000;

export interface Product {
  dataDir: string;
  grpcUrl: string;
  httpUrl: string;
  apiUrl: string;
  process: ChildProcess;
  /** What it said on stderr so far. */
  log(): string;
  /** SIGTERM, and its exit code. */
  stop(): Promise<number | null>;
  /** kill -9, and wait until it is gone. */
  kill(): Promise<void>;
}

/** What a program needs of ours that is not a setting: where programs are, and modules compiled before. */
export function bareEnvironment(): Record<string, string> {
  const { PATH = "", NODE_COMPILE_CACHE } = process.env;
  return NODE_COMPILE_CACHE === undefined ? { PATH } : { PATH, NODE_COMPILE_CACHE };
}

export async function temporaryDir(name: string): Promise<{ dir: string; remove: () => Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), `runledger-${name}-`));
  return { dir, remove: () => rm(dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 }) };
}

/** `runledger up` on free ports, from its first moment on. */
export function launchProduct(dataDir: string, environment: Record<string, string> = {}, flags: string[] = []) {
  return spawn(process.execPath, [MAIN, "up", ...flags], {
    env: {
      ...bareEnvironment(),
      RUNLEDGER_DATA_DIR: dataDir,
      RUNLEDGER_OTLP_GRPC_PORT: "0",
      RUNLEDGER_OTLP_HTTP_PORT: "0",
      RUNLEDGER_API_PORT: "0",
      RUNLEDGER_LOG_LEVEL: "warn",
      ...environment,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** Starts `runledger up` on free ports and waits for its `ready` line. */
export async function startProduct(
  dataDir: string,
  environment: Record<string, string> = {},
  flags: string[] = [],
): Promise<Product> {
  const child = launchProduct(dataDir, environment, flags);
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  const exited = once(child, "exit");
  const ready = await readyLine(child, () => errors).catch((error: unknown) => {
    child.kill("SIGTERM");
    throw error;
  });
  const url = (port: number) => `http://127.0.0.1:${port}`;
  const gone = async () => {
    if (child.exitCode === null && child.signalCode === null) await exited;
  };
  return {
    dataDir,
    grpcUrl: url(ready.grpc),
    httpUrl: url(ready.http),
    apiUrl: url(ready.api),
    process: child,
    log: () => errors,
    async stop() {
      child.kill("SIGTERM");
      await gone();
      return child.exitCode;
    },
    async kill() {
      child.kill("SIGKILL");
      await gone();
    },
  };
}

async function readyLine(
  child: ChildProcess,
  errors: () => string,
): Promise<{ grpc: number; http: number; api: number }> {
  let output = "";
  const { promise, resolve, reject } = Promise.withResolvers<{ grpc: number; http: number; api: number }>();
  const fail = (why: string) => reject(new Error(`${why}\n${errors()}`));
  const timeout = setTimeout(() => fail("it did not get ready in time"), START_TIMEOUT_MS);
  child.once("exit", (code, signal) => fail(`it ended with ${code ?? signal} before it was ready`));
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    const line = output.split("\n").find((candidate) => candidate.includes('"msg":"ready"'));
    if (line !== undefined) resolve(JSON.parse(line));
  });
  return promise.finally(() => clearTimeout(timeout));
}

export interface CommandResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs `runledger …` to its end. */
export function runledger(args: string[], environment: Record<string, string> = {}): Promise<CommandResult> {
  return new Promise((resolve) => {
    const env = { ...bareEnvironment(), NO_COLOR: "1", ...environment };
    execFile(process.execPath, [MAIN, ...args], { env, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr });
    });
  });
}

/**
 * Asks until `accept` is content with the answer. Between two questions it waits twice as long as an answer takes: what answers has
 * the machine to itself most of the time. @throws Error with the last answer after `timeoutMs`.
 */
export async function eventually<Answer>(
  ask: () => Promise<Answer>,
  accept: (answer: Answer) => boolean,
  timeoutMs = 20_000,
): Promise<Answer> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const askedAt = performance.now();
    const answer = await ask();
    if (accept(answer)) return answer;
    const pauseMs = Math.min(Math.max(50, 2 * (performance.now() - askedAt)), LONGEST_PAUSE_MS);
    if (performance.now() > deadline)
      throw new Error(`still not so after ${timeoutMs} ms: ${JSON.stringify(answer).slice(0, 2_000)}`);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

/** GET as JSON. @throws Error for any other status than 200. */
export async function getJson<Answer>(url: string): Promise<Answer> {
  const response = await fetch(url);
  if (response.status !== 200) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as Answer;
}
