import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createFailures } from "../failures.ts";
import { createRunledger, type Ledger } from "../ledger.ts";
import { type OtlpServer, startOtlpServer } from "../testing/otlp-server.ts";
import type { SendOutcome } from "./outcome.ts";
import { requestParts } from "./request-parts.ts";
import { createSpool } from "./spool.ts";

let directory: string;
let server: OtlpServer | undefined;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "runledger-spool-"));
});
afterEach(async () => {
  server?.close();
  server = undefined;
  await rm(directory, { recursive: true });
});

const bytes = (text: string) => Buffer.from(text);
const HOUR_MS = 3_600_000;

function spoolThat(answer: (text: string) => SendOutcome, settings = {}, now = Date.now) {
  const failures = createFailures(() => {});
  const sent: string[] = [];
  const send = async (request: Uint8Array) => {
    const text = Buffer.from(request).toString();
    const outcome = answer(text);
    if (outcome === "delivered") sent.push(text);
    return { outcome };
  };
  const limits = { directory, maxBytes: 1_000, maxAgeMs: HOUR_MS, ...settings };
  return { spool: createSpool({ send, failures, now }, limits), failures, sent };
}
const files = async () => (await readdir(directory)).filter((name) => name.endsWith(".otlp"));

test("what one process kept another one sends, the oldest first, and then it is gone", async () => {
  let time = 1_000;
  const away = spoolThat(
    () => "again",
    {},
    () => time++,
  );
  for (const text of ["a", "b", "c"]) expect(await away.spool.keep(bytes(text), 2)).toBe(true);
  expect(await away.spool.drain(1_000)).toBe(false);
  const next = spoolThat(
    () => "delivered",
    {},
    () => time++,
  );
  expect(await next.spool.drain(1_000)).toBe(true);
  expect(next.sent).toEqual(["a", "b", "c"]);
  expect(await files()).toEqual([]);
  expect(next.spool.stats().sentFromSpool).toBe(6);
});

test("only its user may read it", async () => {
  const { spool } = spoolThat(() => "again", { directory: join(directory, "made") });
  await spool.keep(bytes("secret"), 1);
  const [file = ""] = await readdir(join(directory, "made"));
  expect((await stat(join(directory, "made", file))).mode & 0o777).toBe(0o600);
  expect((await stat(join(directory, "made"))).mode & 0o777).toBe(0o700);
});

test("past its size it takes nothing more, what earlier processes left counted in", async () => {
  await spoolThat(() => "again").spool.keep(bytes("x".repeat(600)), 1);
  const { spool } = spoolThat(() => "again");
  expect(await spool.keep(bytes("y".repeat(600)), 1)).toBe(false);
  expect(await spool.keep(bytes("y".repeat(300)), 1)).toBe(true);
  expect(await files()).toHaveLength(2);
});

test("past its size it takes nothing more from processes that end, however many do", async () => {
  const ends = () => spoolThat(() => "again").spool.keepNow(bytes("x".repeat(400)), 1);
  expect([ends(), ends(), ends()]).toEqual([true, true, false]);
  const { spool } = spoolThat(() => "again");
  expect([spool.keepNow(bytes("y".repeat(150)), 1), spool.keepNow(bytes("y".repeat(150)), 1)]).toEqual([true, false]);
});

test("what is too old is given up and counted", async () => {
  let time = Date.now();
  const { spool, failures, sent } = spoolThat(
    () => "delivered",
    {},
    () => time,
  );
  await spool.keep(bytes("old"), 7);
  time += HOUR_MS + 1;
  await spool.keep(bytes("new"), 1);
  expect(await spool.drain(1_000)).toBe(true);
  expect(sent).toEqual(["new"]);
  expect(failures.counts().dropped).toBe(7);
});

test("a batch that no collector takes is put aside, and the others go on", async () => {
  const { spool, failures, sent } = spoolThat((text) => (text === "bad" ? "split" : "delivered"));
  for (const text of ["bad", "good"]) await spool.keep(bytes(text), 3);
  expect(await spool.drain(1_000)).toBe(true);
  expect(sent).toEqual(["good"]);
  expect(failures.counts().rejected).toBe(3);
  expect((await readdir(directory)).filter((name) => name.endsWith(".refused"))).toHaveLength(1);
});

/** As the backlog writes it: a part a record. */
const batchOf = (...texts: string[]) =>
  Buffer.concat(texts.map((text) => Buffer.concat([Buffer.from([0x0a, text.length]), bytes(text)])));

test("of a batch with one bad record only that is put aside", async () => {
  const { spool, failures, sent } = spoolThat((text) => (text.includes("bad") ? "split" : "delivered"));
  await spool.keep(batchOf("one", "two", "bad", "four", "five"), 5);
  expect(await spool.drain(1_000)).toBe(true);
  expect(Buffer.from(sent.join(""))).toEqual(batchOf("one", "two", "four", "five"));
  expect(failures.counts().rejected).toBe(1);
  expect(spool.stats().sentFromSpool).toBe(4);
  const aside = (await readdir(directory)).filter((name) => name.endsWith(".refused"));
  expect(await Promise.all(aside.map((name) => readFile(join(directory, name))))).toEqual([batchOf("bad")]);
});

test("what is put aside keeps within a share of the spool, the oldest goes first", async () => {
  const { spool } = spoolThat(() => "split");
  for (let i = 0; i < 20; i++) {
    await spool.keep(batchOf(`bad-${i}`.padEnd(20, ".")), 1);
    expect(await spool.drain(1_000)).toBe(true);
  }
  const aside = (await readdir(directory)).filter((name) => name.endsWith(".refused"));
  const texts = await Promise.all(aside.map((name) => readFile(join(directory, name), "utf8")));
  expect(texts.map((text) => text.slice(2, 8)).sort()).toEqual(["bad-18", "bad-19"]);
});

test("what the backlog writes comes apart record by record", async () => {
  const port = await freePort();
  const ledger = createRunledger(
    { endpoint: `http://127.0.0.1:${port}`, spoolDir: directory, control: "off", log: () => {} },
    { environment: {} },
  );
  await ledger.wrap(async () => "x", { agent: "a" })();
  await ledger.shutdown();
  const [folder = ""] = await readdir(directory);
  const names = await readdir(join(directory, folder));
  const written = await Promise.all(names.map((name) => readFile(join(directory, folder, name))));
  expect(written.flatMap((request) => requestParts(request) ?? [])).toHaveLength(2);
});

test("one process at a time sends, and one that died while it did is followed by another", async () => {
  const { spool, sent } = spoolThat(() => "delivered");
  await spool.keep(bytes("a"), 1);
  await writeFile(join(directory, ".sending"), "");
  expect(await spool.drain(1_000)).toBe(false);
  const longAgo = Date.now() / 1000 - 60;
  await utimes(join(directory, ".sending"), longAgo, longAgo);
  expect(await spool.drain(1_000)).toBe(true);
  expect(sent).toEqual(["a"]);
});

test("a disk that fails harms nobody: what waits stays in memory, and the failure is counted", async () => {
  await writeFile(join(directory, "file"), "");
  const { spool, failures } = spoolThat(() => "delivered", { directory: join(directory, "file", "below") });
  expect(await spool.keep(bytes("a"), 1)).toBe(false);
  expect(failures.counts().spool).toBe(1);
});

const open = (port: number, settings = {}): Ledger =>
  createRunledger(
    { endpoint: `http://127.0.0.1:${port}`, spoolDir: directory, log: () => {}, ...settings },
    { environment: {} },
  );
const textOf = ({ requests }: OtlpServer) => Buffer.concat(requests).toString("latin1");

test("while the collector is away records go to the disk, and from there to it, each once", async () => {
  const port = await freePort();
  const ledger = open(port);
  for (let run = 0; run < 5; run++) await ledger.wrap(async () => run, { agent: "a", taskId: `task-${run}-` })();
  await expect.poll(() => ledger.stats(), { timeout: 10_000 }).toMatchObject({ queued: 0, spooled: 10, sent: 0 });
  server = await startOtlpServer({ port });
  await expect.poll(() => ledger.stats(), { timeout: 15_000 }).toMatchObject({ spooled: 0, sent: 10 });
  for (let run = 0; run < 5; run++) expect(textOf(server).split(`task-${run}-`)).toHaveLength(1 + 2);
  expect(ledger.stats().failures).toMatchObject({ dropped: 0, rejected: 0, spool: 0 });
  await ledger.shutdown();
});

test("a process that ends by process.exit or an exception leaves its records to the next one", async () => {
  const port = await freePort();
  for (const end of ["process.exit(3)", "setImmediate(() => { throw new Error('boom') })"]) {
    const code = `import { createRunledger } from ${JSON.stringify(fileURLToPath(new URL("../index.ts", import.meta.url)))};
      const ledger = createRunledger({ log: () => {} });
      await ledger.wrap(async () => 1, { agent: "brief", taskId: "left-behind-" })();
      ${end};`;
    const environment = {
      ...process.env,
      RUNLEDGER_ENDPOINT: `http://127.0.0.1:${port}`,
      RUNLEDGER_SPOOL_DIR: directory,
    };
    const child = spawn(process.execPath, ["--input-type=module", "-e", code], { env: environment, stdio: "ignore" });
    await once(child, "exit");
  }
  server = await startOtlpServer({ port });
  const ledger = open(port);
  await expect.poll(() => textOf(server as OtlpServer).split("left-behind-").length, { timeout: 15_000 }).toBe(1 + 4);
  await ledger.shutdown();
});

test("what was meant for one collector, or under one key, does not go to another", async () => {
  const port = await freePort();
  const away = open(await freePort());
  await away.wrap(async () => 1, { agent: "a", taskId: "for-another-" })();
  await away.shutdown();
  const otherKey = open(port, { apiKey: "other", flushTimeoutMs: 300 });
  await otherKey.wrap(async () => 1, { agent: "a", taskId: "other-key-" })();
  await otherKey.shutdown();
  server = await startOtlpServer({ port });
  const ledger = open(port);
  await ledger.wrap(async () => 1, { agent: "a", taskId: "mine-" })();
  expect(await ledger.flush()).toBe(true);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(textOf(server)).toContain("mine-");
  expect(textOf(server)).not.toMatch(/for-another-|other-key-/);
  await ledger.shutdown();
});

async function freePort(): Promise<number> {
  const listener = createServer();
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const address = listener.address();
  await new Promise((resolve) => listener.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}
