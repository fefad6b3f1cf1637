import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { totalmem } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { StorageError } from "../error.ts";
import {
  EMBEDDED_DATABASE,
  EMBEDDED_USER,
  type EmbeddedConfig,
  embeddedConfigXml,
  embeddedUsersXml,
} from "./embedded-config.ts";
import { createDatabase, openRows } from "./open-rows.ts";
import { watch } from "./watchdog.ts";

export interface EmbeddedClickHouseOptions {
  /** Data, config and log of the server; one server at a time. */
  dir: string;
  logger: Record<"info" | "warn" | "error", (details: object, message: string) => void>;
  /** Told of each unexpected end, before the restart; `restarts` counts them. */
  onExit?: (exit: { code: number | null; signal: string | null; restarts: number }) => void;
  /** Default: a free one. It stays the same over restarts. */
  port?: number;
  /** Share of the machine's memory the server may take. Default 0.5. */
  memoryRatio?: number;
  /** Until it answers, waiting for an older one to leave the directory included. Default 60 s. */
  startTimeoutMs?: number;
  /** It lives and has answered nothing for so long: it is killed, and so started again. Default 60 s. */
  hangAfterMs?: number;
}

export interface EmbeddedClickHouse {
  /** `http://user:password@127.0.0.1:port/database`, for `openRows`; the same for its whole life. */
  url: string;
  /** Of the process at hand; null between an end and the restart. */
  pid(): number | null;
  /** Unexpected ends so far. */
  restarts(): number;
  stop(): Promise<void>;
}

const RESTART_MIN_MS = 100;
const RESTART_MAX_MS = 10_000;
/** Having lived so long, it starts with the shortest wait again. */
const STEADY_MS = 3_000;
const POLL_MS = 25;
const LOCK_RETRY_MS = 200;
const STOP_TIMEOUT_MS = 10_000;
const ASK_EVERY_MS = 5_000;
const ASK_TIMEOUT_MS = 10_000;
const STDERR_KEPT_CHARS = 4_000;

/**
 * Starts ClickHouse as a child process and resolves when it answers; restarts it whenever it dies.
 *
 * Call it on the main thread: on Linux the child dies with the *thread* that spawned it, at once, also by kill -9; elsewhere with
 * the end of its stdin, some seconds later. A start meanwhile waits for the directory.
 * @throws StorageError `locked` when another process keeps the directory, `unavailable` when it doesn't start.
 */
export async function startEmbeddedClickHouse(options: EmbeddedClickHouseOptions): Promise<EmbeddedClickHouse> {
  const dir = resolve(options.dir);
  const startTimeoutMs = options.startTimeoutMs ?? 60_000;
  const port = options.port ?? (await freePort());
  const password = randomBytes(24).toString("base64url");
  const url = `http://${EMBEDDED_USER}:${password}@127.0.0.1:${port}/${EMBEDDED_DATABASE}`;
  const maxMemoryBytes = Math.floor(totalmem() * (options.memoryRatio ?? 0.5));
  const config: EmbeddedConfig = { port, password, dir, maxMemoryBytes };

  const stopping = new AbortController();
  const state = { child: await startUntilReady(config, url, startTimeoutMs), restarts: 0, up: true };
  await createDatabase(url);

  const supervise = async () => {
    for (let waitMs = RESTART_MIN_MS; ; waitMs = Math.min(waitMs * 2, RESTART_MAX_MS)) {
      const since = performance.now();
      const exit = await exitOf(state.child);
      state.up = false;
      if (stopping.signal.aborted) return;
      if (performance.now() - since > STEADY_MS) waitMs = RESTART_MIN_MS;
      state.restarts += 1;
      options.logger.error({ ...exit, restarts: state.restarts, waitMs }, "ClickHouse died; it is started again");
      options.onExit?.({ ...exit, restarts: state.restarts });
      await sleep(waitMs, undefined, { signal: stopping.signal });
      const restarted = await restart(config, url, startTimeoutMs, options, stopping.signal);
      if (restarted === null) return;
      // It was stopped while this one was getting ready, and had nothing to end yet.
      if (stopping.signal.aborted) return await end(restarted);
      state.child = restarted;
      state.up = true;
    }
  };
  // Rejects only by the abort of a wait when it is stopped.
  const supervised = supervise().catch(() => undefined);
  const hangAfterMs = options.hangAfterMs ?? 60_000;
  const asking = openRows(url, { requestTimeoutMs: Math.min(hangAfterMs / 4, ASK_TIMEOUT_MS) });
  const watched = watch(
    {
      ask: () => asking.query("SELECT 1"),
      isUp: () => state.up,
      onHang: (silentMs) => {
        options.logger.error({ pid: state.child.pid, silentMs }, "ClickHouse hangs: it is killed");
        state.child.kill("SIGKILL");
      },
      stopped: stopping.signal,
    },
    { hangAfterMs, everyMs: Math.min(hangAfterMs / 4, ASK_EVERY_MS) },
  );

  return {
    url,
    pid: () => (state.up ? (state.child.pid ?? null) : null),
    restarts: () => state.restarts,
    async stop() {
      stopping.abort();
      if (state.up) await end(state.child);
      await Promise.all([supervised, watched]);
      await asking.close();
    },
  };
}

/** Tries until it is up; null when the whole is stopped meanwhile. */
async function restart(
  config: EmbeddedConfig,
  url: string,
  startTimeoutMs: number,
  options: EmbeddedClickHouseOptions,
  stopped: AbortSignal,
): Promise<ChildProcess | null> {
  while (!stopped.aborted) {
    try {
      const child = await startUntilReady(config, url, startTimeoutMs, stopped);
      options.logger.info({ pid: child.pid }, "ClickHouse is back");
      return child;
    } catch (error) {
      if (!stopped.aborted) options.logger.error({ err: error }, "ClickHouse does not start; trying again");
      await sleep(RESTART_MAX_MS, undefined, { signal: stopped });
    }
  }
  return null;
}

/** A process that ends before it answers is started again until the time is up: an older one may still be leaving the directory. */
async function startUntilReady(
  config: EmbeddedConfig,
  url: string,
  timeoutMs: number,
  stopped?: AbortSignal,
): Promise<ChildProcess> {
  const deadline = performance.now() + timeoutMs;
  const rows = openRows(`${url.slice(0, url.lastIndexOf("/"))}/default`, { requestTimeoutMs: 2_000 });
  try {
    for (;;) {
      const attemptDeadline = performance.now() + timeoutMs;
      await writeConfigFiles(config); // each time: another start in this directory, refused later, wrote its own
      const { child, closed, stderr } = spawnServer(config.dir);
      while (child.exitCode === null && child.signalCode === null) {
        if (
          await rows.ping().then(
            () => true,
            () => false,
          )
        )
          return child;
        if (performance.now() > attemptDeadline || stopped?.aborted) await end(child);
        else await sleep(POLL_MS);
      }
      await closed;
      const locked = stderr().includes("Cannot lock file");
      if (!locked || performance.now() > deadline || stopped?.aborted)
        throw new StorageError(
          locked ? "locked" : "unavailable",
          locked
            ? `another ClickHouse is using ${config.dir}`
            : `ClickHouse did not start in ${config.dir}: ${stderr().trim()}`,
        );
      await sleep(LOCK_RETRY_MS);
    }
  } finally {
    await rows.close();
  }
}

function spawnServer(dir: string): { child: ChildProcess; closed: Promise<unknown>; stderr: () => string } {
  const program = fileURLToPath(new URL("./embedded-server-process.ts", import.meta.url));
  // No environment: the keys that ours may hold are no business of a database.
  const child = spawn(process.execPath, [program, join(dir, "data"), join(dir, "config.xml"), String(process.pid)], {
    cwd: dir,
    env: {},
    detached: true, // Ctrl-C is for us: what is journalled is still integrated before the end
    stdio: ["pipe", "ignore", "pipe"],
  });
  let text = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    text = (text + chunk).slice(-STDERR_KEPT_CHARS);
  });
  child.stdin.on("error", () => undefined); // a dead child's pipe; its end is seen by `exit`
  child.on("error", (error) => {
    text += String(error);
  });
  return { child, closed: once(child, "close"), stderr: () => text };
}

async function exitOf(child: ChildProcess): Promise<{ code: number | null; signal: string | null }> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  return { code: child.exitCode, signal: child.signalCode };
}

async function end(child: ChildProcess): Promise<void> {
  const exited = exitOf(child);
  child.kill("SIGTERM");
  child.stdin?.end();
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
  await exited;
  clearTimeout(timer);
}

async function writeConfigFiles(config: EmbeddedConfig): Promise<void> {
  const { dir } = config;
  await mkdir(dir, { recursive: true, mode: 0o700 });
  for (const [name, text] of [
    ["config.xml", embeddedConfigXml(config)],
    ["users.xml", embeddedUsersXml(config)],
  ] as const) {
    await writeFile(join(dir, `${name}.new`), text, { mode: 0o600 });
    await rename(join(dir, `${name}.new`), join(dir, name));
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new StorageError("unavailable", "no free port");
  return address.port;
}
