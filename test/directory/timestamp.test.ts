import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { createTimestampClient, createTimestamping } from "@runledger/collector";
import { anchorPath, DIRECTORY, datedCheckpointPath } from "@runledger/contract";
import { createTimestampCheck } from "@runledger/verify";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createAuthority, openssl, startAuthority } from "./fake-authority.ts";
import { createSampleDirectory, type SampleDirectory, verifySample } from "./sample-directory.ts";
import { elementAt, parseElements, writeElements } from "./stamp-parts.ts";
import { ECDSA } from "./stamps-agree.ts";

describe.each([
  ["RSA", ["-newkey", "rsa:2048"], "sha256"],
  ["RSA and SHA-512", ["-newkey", "rsa:2048"], "sha512"],
  ["ECDSA", ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "sha256"],
])("time stamps by an authority with %s", (_name, key, digest) => {
  let dir: string;
  let authority: Awaited<ReturnType<typeof startAuthority>>;
  let sample: SampleDirectory;
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), "runledger-tsa-"));
    authority = await startAuthority(dir, "tsa", key, digest);
  });
  afterAll(() => {
    authority.server.close();
    rmSync(dir, { recursive: true });
  });
  beforeEach(async () => {
    sample = await createSampleDirectory(["a"]);
    await sample.grow("a", 2);
    await sample.record();
  });
  afterEach(() => rmSync(sample.directory, { recursive: true }));

  const stamping = (now: () => number) =>
    createTimestamping(sample.objects, createTimestampClient(authority.url), {
      log: DIRECTORY,
      intervalMs: 3_600_000,
      now,
    });
  const stored = async (path: string): Promise<Buffer> => Buffer.from((await sample.objects.read(path)) ?? "");

  test("are asked for once an hour, verified with the authority's certificate, and openssl agrees", async () => {
    let now = 0;
    const timestamping = stamping(() => now);
    expect(await timestamping.round()).toEqual([]);
    await sample.grow("a", 1);
    await sample.record();
    expect(await timestamping.round()).toEqual([]);
    expect(timestamping.stampedSize).toBe(1);
    now += 3_600_000;
    expect(await timestamping.round()).toEqual([]);
    expect(timestamping.stampedSize).toBe(2);
    const checkTimestamp = createTimestampCheck(readFileSync(authority.cert));
    expect(await verifySample(sample, "quorum none\n", { checkTimestamp })).toMatchObject({
      verdict: "VERIFIED",
      findings: [],
      directory: { stamped: { size: 2 }, timestampsChecked: 2 },
      // The sample's clock stands still in January, the authority's does not.
      notes: [
        expect.stringMatching(
          /^Entry 2 says to have been received at 2026-01-01.* head of 2 entries attests \(time stamp\)/,
        ),
      ],
    });
    for (const size of [1, 2]) {
      writeFileSync(join(dir, "data"), await stored(datedCheckpointPath(DIRECTORY, size)));
      writeFileSync(join(dir, "tsr"), await stored(anchorPath(DIRECTORY, size, "tsr")));
      const said = openssl(dir, "ts", "-verify", "-data", "data", "-in", "tsr", "-CAfile", authority.cert);
      expect(said.toString()).toContain("OK");
    }
  });

  test("of another authority, or changed in any byte of what is signed, do not count", async () => {
    await stamping(() => 0).round();
    const path = anchorPath(DIRECTORY, 1, "tsr");
    const token = await stored(path);
    const checkTimestamp = createTimestampCheck(readFileSync(authority.cert));
    const note = await stored(datedCheckpointPath(DIRECTORY, 1));
    let accepted = 0;
    for (let at = 0; at < token.length; at++) {
      const changed = Buffer.from(token);
      changed[at] = (changed[at] ?? 0) ^ 1;
      const times = await checkTimestamp(changed, note).then(
        (time) => [time, 1] as const,
        () => null,
      );
      // What lies outside of the signature, such as the certificate in the token, is not asked; the time and what is stamped can't change.
      if (times !== null) accepted++;
      if (times !== null) expect(times[0]).toBe(await checkTimestamp(token, note));
    }
    process.stdout.write(
      `time stamp: ${token.length - accepted} of ${token.length} changed bytes refused, the others change nothing that counts\n`,
    );
    await expect(checkTimestamp(token, Buffer.from("something else"))).rejects.toThrow("does not hold");
    const other = await startAuthority(dir, "other", key);
    other.server.close();
    const seen = await verifySample(sample, "quorum none\n", {
      checkTimestamp: createTimestampCheck(readFileSync(other.cert)),
    });
    expect(seen).toMatchObject({
      verdict: "TAMPERED",
      findings: [{ where: `directory: anchors/000000000000001.tsr` }],
    });
  }, 60_000);
});

test("an authority that is away, refuses or answers nonsense is told of and holds nothing up", async () => {
  const sample = await createSampleDirectory(["a"]);
  await sample.grow("a", 1);
  await sample.record();
  let answer: (response: import("node:http").ServerResponse) => void = () => undefined;
  const server = createServer((_request, response) => answer(response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const round = () =>
    createTimestamping(sample.objects, createTimestampClient(url, 300), {
      log: DIRECTORY,
      intervalMs: 1,
      now: () => 5,
    }).round();
  for (const [act, words] of [
    [(r) => r.writeHead(500).end(), "answered 500"],
    [(r) => r.writeHead(200).end("nonsense"), "no time stamp"],
    [(r) => r.writeHead(200).end(Buffer.from("3005300302010230", "hex")), "no time stamp"],
    [() => undefined, "no time stamp"],
  ] as [typeof answer, string][]) {
    answer = act;
    expect((await round())[0]).toContain(words);
  }
  server.closeAllConnections();
  server.close();
  expect((await round())[0]).toContain("no time stamp");
  rmSync(sample.directory, { recursive: true });
});

test("a stamp that answers another request, or is of other bytes, is none of what was sent", async () => {
  const dir = mkdtempSync(join(tmpdir(), "runledger-tsa-"));
  const authority = createAuthority(dir, "tsa", ECDSA);
  /** Where the TimeStampReq differs that is answered. */
  let place: number[] | null = null;
  const server = createServer(async (request, response) => {
    const asked = parseElements(await buffer(request));
    const content = place && elementAt(asked, place).content;
    content?.writeUInt8((content.at(-1) ?? 0) ^ 1, content.length - 1);
    response.writeHead(200).end(authority.reply(writeElements(asked)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const client = createTimestampClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  expect((await client.stamp(Buffer.from("sent"))).time).toBeInstanceOf(Date);
  for (const [at, words] of [
    [[0, 2], "does not repeat the nonce"],
    [[0, 1, 1], "is of something else"],
  ] as const) {
    place = [...at];
    await expect(client.stamp(Buffer.from("sent"))).rejects.toThrow(words);
  }
  server.closeAllConnections();
  server.close();
  rmSync(dir, { recursive: true });
});

test("a certificate that is none, or not for time stamping, is refused", async () => {
  expect(() => createTimestampCheck(Buffer.from("x"))).toThrow("PEM or DER");
  const dir = mkdtempSync(join(tmpdir(), "runledger-tsa-"));
  openssl(dir, "req", "-x509", "-nodes", "-newkey", "rsa:2048", "-keyout", "k", "-out", "c", "-subj", "/CN=web");
  expect(() => createTimestampCheck(readFileSync(join(dir, "c")))).toThrow("not one for time stamping");
  rmSync(dir, { recursive: true });
});
