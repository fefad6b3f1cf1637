import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type EmbeddedClickHouse, startEmbeddedClickHouse } from "./embedded-server.ts";
import { openRows } from "./open-rows.ts";

const logger = { info() {}, warn() {}, error() {} };

/** Neither gone nor a zombie that nobody waits for. */
function isAlive(pid: number): boolean {
  const { stdout } = spawnSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" });
  return stdout.trim() !== "" && !stdout.startsWith("Z");
}

async function until(condition: () => boolean | Promise<boolean>, timeoutMs: number): Promise<number> {
  const since = performance.now();
  while (!(await condition())) {
    if (performance.now() - since > timeoutMs) throw new Error(`not within ${timeoutMs} ms`);
    await sleep(20);
  }
  return performance.now() - since;
}

describe("the embedded ClickHouse", () => {
  let dir: string;
  let server: EmbeddedClickHouse;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "runledger-clickhouse-"));
    server = await startEmbeddedClickHouse({ dir, logger });
  });
  afterAll(async () => {
    await server.stop();
    await rm(dir, { recursive: true, force: true });
  });

  it("answers at its URL, in a database of its own", async () => {
    const rows = openRows(server.url);
    expect(await rows.query("SELECT currentDatabase() AS db, currentUser() AS user")).toEqual([
      { db: "runledger", user: "runledger" },
    ]);
    await rows.close();
  });

  it("lets nobody in without its password, not even as the default user", async () => {
    const { host } = new URL(server.url);
    for (const credentials of ["", "default:@", "runledger:wrong@", "runledger:@"]) {
      const rows = openRows(`http://${credentials}${host}/default`);
      await expect(rows.query("SELECT 1"), credentials).rejects.toMatchObject({ code: "rejected" });
      await rows.close();
    }
  });

  it("keeps its password hash and data from other users, and its password off the command line", async () => {
    expect((await stat(join(dir, "users.xml"))).mode & 0o777).toBe(0o600);
    expect((await stat(dir)).mode & 0o077).toBe(0);
    const { stdout } = spawnSync("ps", ["-ww", "-o", "args=", "-p", String(server.pid())], { encoding: "utf8" });
    expect(stdout.trim()).not.toBe("");
    expect(stdout).not.toContain(new URL(server.url).password);
  });

  it("has no system logs of its own", async () => {
    const rows = openRows(server.url);
    expect(
      await rows.query("SELECT name FROM system.tables WHERE database = 'system' AND name LIKE '%\\_log'"),
    ).toEqual([]);
    await rows.close();
  });

  it("is started again at the same URL when it dies, and has kept its rows", async () => {
    const rows = openRows(server.url);
    await rows.command("CREATE TABLE kept (n UInt64) ENGINE = MergeTree ORDER BY n");
    await rows.insert("kept", [{ n: 1 }], "a");
    const before = server.restarts();
    const pid = server.pid();
    if (pid === null) throw new Error("ClickHouse is not up");
    process.kill(pid, "SIGKILL");
    await until(() => server.restarts() > before && server.pid() !== null, 20_000);
    expect(server.pid()).not.toBe(pid);
    expect(await rows.query("SELECT count() AS n FROM kept")).toEqual([{ n: "1" }]);
    await rows.close();
  });

  it("refuses a second server in the same directory", async () => {
    await expect(startEmbeddedClickHouse({ dir: join(dir, "."), logger, startTimeoutMs: 2_000 })).rejects.toMatchObject(
      { code: "locked" },
    );
  });
});

describe("the embedded ClickHouse of a process that is killed", () => {
  it("goes away at once, and a new one can have the directory", async () => {
    const dir = await mkdtemp(join(tmpdir(), "runledger-clickhouse-"));
    const module = new URL("./embedded-server.ts", import.meta.url).href;
    const program = `
      const { startEmbeddedClickHouse } = await import(${JSON.stringify(module)});
      const logger = { info() {}, warn() {}, error() {} };
      const server = await startEmbeddedClickHouse({ dir: ${JSON.stringify(dir)}, logger });
      console.log(server.pid());
      setInterval(() => {}, 1000);`;
    const parent = spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = await once(parent.stdout, "data");
    const pid = Number(String(line));
    expect(isAlive(pid)).toBe(true);
    parent.kill("SIGKILL");
    const next = await startEmbeddedClickHouse({ dir, logger });
    expect(isAlive(pid)).toBe(false);
    await next.stop();
    await rm(dir, { recursive: true, force: true });
  });
});

it("one that lives and answers nothing is killed, and comes back at the same address", async () => {
  const dir = await mkdtemp(join(tmpdir(), "runledger-clickhouse-hung-"));
  const server = await startEmbeddedClickHouse({ dir, logger, hangAfterMs: 4_000 });
  const rows = openRows(server.url, { requestTimeoutMs: 1_000 });
  try {
    const hung = server.pid() ?? 0;
    process.kill(hung, "SIGSTOP");
    await expect(rows.query("SELECT 1")).rejects.toMatchObject({ code: "unavailable" });
    await until(() => server.restarts() === 1, 60_000);
    expect(isAlive(hung)).toBe(false);
    await until(
      () =>
        rows
          .query("SELECT 1")
          .then(() => true)
          .catch(() => false),
      60_000,
    );
    expect(server.pid()).not.toBe(hung);
  } finally {
    await rows.close();
    await server.stop();
    await rm(dir, { recursive: true, force: true });
  }
}, 180_000);
