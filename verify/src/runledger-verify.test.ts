import { execFile, execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { createServer as createPlainServer, type RequestListener } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { tarHeader } from "@runledger/contract";
import { expect, test } from "vitest";

const PROGRAM = fileURLToPath(new URL("../bin/runledger-verify.js", import.meta.url));

function verify(
  args: string[],
  environment: Record<string, string> = {},
): Promise<{ code: number; stderr: string; stdout: string }> {
  const env = { PATH: process.env["PATH"] ?? "", ...environment };
  return new Promise((resolve) => {
    execFile(process.execPath, [PROGRAM, ...args], { env }, (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    );
  });
}

test("a server with a certificate of one's own is asked once its CA is named, by a flag, by ours or by Node's variable", async () => {
  const dir = await mkdtemp(join(tmpdir(), "runledger-ca-"));
  const [key, cert] = [join(dir, "key.pem"), join(dir, "cert.pem")];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"];
  execFileSync(
    "openssl",
    ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key, "-out", cert, ...subject],
    {
      stdio: "ignore",
    },
  );
  const asked: (string | undefined)[] = [];
  const server = createServer({ key: await readFile(key), cert: await readFile(cert) }, ({ url }, response) => {
    asked.push(url);
    response.writeHead(404).end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/bundle.tar`;

  const untrusted = await verify([url]);
  expect(untrusted).toMatchObject({ code: 4, stdout: "" });
  expect(untrusted.stderr).toMatch(
    /^No trusted connection to https:.*self-signed certificate.*Name its CA: RUNLEDGER_CA_CERT=FILE/,
  );
  expect(asked).toEqual([]);
  for (const [args, environment] of [
    [["--ca", cert], {}],
    [[], { RUNLEDGER_CA_CERT: cert }],
    [[], { NODE_EXTRA_CA_CERTS: cert }],
  ] as const)
    expect(await verify([url, ...args], environment)).toMatchObject({ code: 4, stderr: `${url} answered 404.\n` });
  expect(asked).toEqual(["/bundle.tar", "/bundle.tar", "/bundle.tar"]);
  expect((await verify([url, "--ca", key])).stderr).toContain("a certificate in PEM is expected");
  server.close();
  await rm(dir, { recursive: true });
}, 120_000);

test("a server that answers without end, and a directory with pipes and devices for files, come to a verdict", async () => {
  const server = createPlainServer((_request, response) => {
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(1024 * 1024)));
    };
    response.on("drain", more);
    more();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const endless = await verify([`http://127.0.0.1:${(server.address() as AddressInfo).port}`]);
  expect([endless.code, endless.stdout]).toEqual([4, expect.stringContaining("is larger than any")]);
  server.closeAllConnections();
  server.close();
  const dir = await mkdtemp(join(tmpdir(), "runledger-pipe-"));
  for (const make of [
    async (path: string) => void execFileSync("mkfifo", [path]),
    (path: string) => symlink("/dev/zero", path),
  ]) {
    await mkdir(join(dir, "objects/log/0"), { recursive: true });
    await make(join(dir, "objects/log/0/checkpoint"));
    const { code, stdout } = await verify([dir]);
    expect([code, stdout]).toEqual([4, expect.stringContaining("is no file")]);
    await rm(join(dir, "objects"), { recursive: true });
  }
  await rm(dir, { recursive: true });
}, 120_000);

/** What is said of a server that answers so. */
async function verifyServer(answer: RequestListener, path: string, ...flags: string[]): Promise<unknown[]> {
  const server = createPlainServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { code, stdout } = await verify([
    `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`,
    ...flags,
  ]);
  server.closeAllConnections();
  server.close();
  return [code, stdout];
}

/** The begin of a tar that goes on for ever, a byte a time. */
function trickle(name: string): RequestListener {
  return (_request, response) => {
    response.write(tarHeader(name, 2 ** 50));
    const timer = setInterval(() => response.write("a"), 100);
    response.on("close", () => clearInterval(timer));
  };
}

test("a tar that comes without end comes to a verdict: of what is small it is too large, all else must come in time", async () => {
  const tooLarge = await verifyServer(trickle("README.txt"), "/bundle.tar");
  expect(tooLarge).toEqual([1, expect.stringMatching(/README\.txt.*it is larger than any such file/)]);
  const tooSlow = await verifyServer(trickle("derived/runs.csv"), "/bundle.tar", "--patience", "2");
  expect(tooSlow).toEqual([4, expect.stringMatching(/the server sends too slowly: \d+ bytes in 2 seconds/)]);
  const object = await verifyServer(trickle("x"), "", "--patience", "2");
  expect(object).toEqual([4, expect.stringMatching(/shards: the server sends too slowly/)]);
  for (const patience of ["soon", "301"])
    expect((await verify(["http://127.0.0.1", "--patience", patience])).stderr).toContain("a whole number of seconds");
}, 120_000);

test("what a server answers wrongly is told in words", async () => {
  const noList = "/v1/audit/shards: the answer is no list of shards: is this the URL of a query API?\n";
  for (const answer of ['{"shards":[1]}', "<html>"])
    expect(await verifyServer((_request, response) => response.end(answer), "")).toEqual([
      4,
      expect.stringContaining(noList),
    ]);
  const cut: RequestListener = (_request, response) => {
    response.writeHead(200, { "content-length": 1000 }).write(Buffer.alloc(100));
    setTimeout(() => response.destroy(), 100);
  };
  const brokeOff = "the connection to the server broke off before the end of its answer";
  for (const path of ["", "/bundle.tar"])
    expect(await verifyServer(cut, path)).toEqual([4, expect.stringContaining(brokeOff)]);
}, 120_000);
