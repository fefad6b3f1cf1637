import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type ChannelCredentials, Client, credentials, Metadata, status } from "@grpc/grpc-js";
import {
  type ActList,
  CHECKPOINT_PATH,
  logPrefix,
  parseLogEntry,
  type RunledgerRecord,
  readEntries,
  type StepList,
  unverifiedCheckpoint,
} from "@runledger/contract";
import { createRunledger } from "@runledger/sdk";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeCertificates } from "../support/certificates.ts";
import { eventually, getJson, type Product, runledger, startProduct, temporaryDir } from "../support/product.ts";
import { modelCall, newTraceId, postSpans } from "../support/spans.ts";

let home: Awaited<ReturnType<typeof temporaryDir>>;
let product: Product;

beforeAll(async () => {
  home = await temporaryDir("access");
  product = await startProduct(home.dir);
});
afterAll(async () => {
  await product.stop();
  await home.remove();
});

/** The records of the log on disk. */
async function logRecords(): Promise<RunledgerRecord[]> {
  const read = (path: string) => readFile(join(home.dir, "objects", logPrefix("0"), path)).catch(() => null);
  const note = await read(CHECKPOINT_PATH);
  if (note === null) return [];
  const { size } = unverifiedCheckpoint(note);
  const records: RunledgerRecord[] = [];
  for await (const { entry } of readEntries(read, 0, size, size)) records.push(parseLogEntry(entry));
  return records;
}

test("who reads a step's content is in the log that verifies, and no run comes of it", async () => {
  const traceId = newTraceId();
  await postSpans(product.httpUrl, [modelCall(traceId)]);
  const runUrl = `${product.apiUrl}/v1/runs/${traceId}`;
  const steps = await eventually(
    () => getJson<StepList>(`${runUrl}/steps`).catch(() => null),
    (list) => list?.items.length === 1,
  );
  const step = steps?.items[0];
  const url = `${runUrl}/steps/${step?.step_id}?reason=ticket%207`;
  await getJson(url);
  await getJson(url);
  const acts = await eventually(
    async () => (await logRecords()).filter(({ event }) => event === "act"),
    (found) => found.some(({ act }) => act?.target["record_id"] === step?.record_id),
  );
  const read = acts.filter(({ act }) => act?.reason === "ticket 7");
  expect(read).toHaveLength(1);
  expect(read[0]).toMatchObject({
    tenant: "default",
    run_id: "",
    act: {
      action: "content.read",
      actor: { key_id: null, name: "loopback", roles: expect.arrayContaining(["admin"]) },
      target: { run_id: traceId, step_id: step?.step_id },
    },
  });
  const listed = await eventually(
    () => getJson<ActList>(`${product.apiUrl}/v1/acts?action=content.read&actor=loopback`),
    ({ items }) => items.some(({ reason }) => reason === "ticket 7"),
  );
  expect(listed.items[0]).toMatchObject({ ...read[0]?.act, record_id: read[0]?.record_id, shard: "0" });
  const runs = await getJson<{ items: { run_id: string }[] }>(`${product.apiUrl}/v1/runs`);
  expect(runs.items.map(({ run_id }) => run_id)).toEqual([traceId]);
  const { stdout } = await runledger(["policy", "--data-dir", home.dir]);
  const key = /^log (\S+)/m.exec(stdout)?.[1] ?? "";
  expect(JSON.parse((await runledger(["verify", home.dir, "--key", key, "--json"])).stdout)).toMatchObject({
    verdict: "VERIFIED",
  });
});

test("a span that says it is an act, sent by somebody else, is a step", async () => {
  const traceId = newTraceId();
  const forged = modelCall(traceId, {
    "runledger.event": "act",
    "runledger.act.action": createHash("sha256").update(traceId).digest("hex"),
  });
  await postSpans(product.httpUrl, [forged]);
  const found = await eventually(
    async () => (await logRecords()).find(({ trace_id }) => trace_id === traceId),
    (record) => record !== undefined,
  );
  expect(found).toMatchObject({ event: "step", run_id: traceId });
  expect(found?.act).toBeUndefined();
});

describe("with keys", () => {
  const env = (key?: string) => ({
    RUNLEDGER_CONTROL_URL: product.apiUrl,
    ...(key === undefined ? {} : { RUNLEDGER_API_KEY: key }),
  });
  let admin: string;

  async function create(role: string, ...more: string[]): Promise<{ secret: string; keyId: string }> {
    const made = await runledger(["keys", "create", "--name", role, "--role", role, "--json", ...more], env(admin));
    if (made.code !== 0) throw new Error(made.stderr);
    const { key, secret } = JSON.parse(made.stdout);
    return { secret, keyId: key.key_id };
  }
  const post = (key: string | null) => postSpans(product.httpUrl, [modelCall(newTraceId())], { key });
  const call = (key: string | null) => exportOverGrpc(product.grpcUrl, credentials.createInsecure(), key);

  test("the first one is an admin's; from then on nobody gets in without", async () => {
    const refused = await runledger(["keys", "create", "--name", "x", "--role", "viewer"], env());
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("the first key must be an admin's")]);
    const made = await runledger(["keys", "create", "--name", "root", "--role", "admin", "--tenant", "*"], env());
    expect(made.stderr).toContain("shown this once");
    admin = made.stdout.trim();
    expect(admin).toMatch(/^rlk_/);
    await eventually(
      async () => (await post(null)).status,
      (status) => status === 401,
    );
    expect(await call(null)).toBe(status.UNAUTHENTICATED);
    expect((await fetch(`${product.apiUrl}/v1/runs`)).status).toBe(401);
  });

  test("OTLP takes a key with the role ingest, and tells why it takes no other", async () => {
    const [ingest, viewer] = [await create("ingest"), await create("viewer")];
    await eventually(
      async () => (await post(ingest.secret)).status,
      (code) => code === 200,
    );
    expect(await call(ingest.secret)).toBe(status.OK);
    await eventually(
      async () => (await post(viewer.secret)).status,
      (code) => code === 403,
    );
    expect(await call(viewer.secret)).toBe(status.PERMISSION_DENIED);
    const wrong = `${ingest.secret.slice(0, -1)}${ingest.secret.endsWith("A") ? "B" : "A"}`;
    expect((await post(wrong)).status).toBe(401);
    expect(await call(wrong)).toBe(status.UNAUTHENTICATED);
    expect((await runledger(["keys", "revoke", ingest.keyId, "--reason", "left"], env(admin))).stdout).toContain(
      "is revoked",
    );
    await eventually(
      async () => (await post(ingest.secret)).status,
      (code) => code === 401,
      10_000,
    );
    expect(await (await post(ingest.secret)).text()).toContain("revoked");
    expect(await call(ingest.secret)).toBe(status.UNAUTHENTICATED);
  });

  test("a key that has expired, or whose old secret has, is not taken", async () => {
    const short = await create("ingest", "--expires", "10s");
    await eventually(
      async () => (await post(short.secret)).status,
      (code) => code === 200,
    );
    await eventually(
      async () => (await post(short.secret)).status,
      (code) => code === 401,
      15_000,
    );
    expect(await call(short.secret)).toBe(status.UNAUTHENTICATED);
    const { secret: old, keyId } = await create("ingest");
    const rotated = await runledger(["keys", "rotate", keyId, "--overlap", "0s"], env(admin));
    await eventually(
      async () => [(await post(old)).status, (await post(rotated.stdout.trim())).status],
      ([a, b]) => a === 401 && b === 200,
    );
  });

  test("each tenant sees what its own key sent", async () => {
    const [sends, sees, others] = [
      await create("ingest", "--tenant", "acme"),
      await create("viewer", "--tenant", "acme"),
      await create("viewer"),
    ];
    const traceId = newTraceId();
    const send = () => postSpans(product.httpUrl, [modelCall(traceId)], { key: sends.secret });
    await eventually(
      async () => (await send()).status,
      (code) => code === 200,
    );
    const seen = (key: string) =>
      fetch(`${product.apiUrl}/v1/runs/${traceId}`, { headers: { authorization: `Bearer ${key}` } });
    await eventually(
      async () => (await seen(sees.secret)).status,
      (code) => code === 200,
    );
    expect((await seen(others.secret)).status).toBe(404);
  });

  test("who changed keys, and why, is in the log", async () => {
    const acts = await eventually(
      async () => (await logRecords()).flatMap(({ act }) => act ?? []),
      (found) => found.some(({ action }) => action === "key.rotate"),
    );
    expect(acts.find(({ action }) => action === "key.create")).toMatchObject({ actor: { name: "loopback" } });
    expect(acts.find(({ action }) => action === "key.revoke")).toMatchObject({
      reason: "left",
      actor: { name: "root" },
    });
    expect(JSON.stringify(acts)).not.toContain("rlk_");
  });

  test("after a restart with TLS, on a public address, keys and certificates are asked for on every port", async () => {
    await product.stop();
    const tls = await makeCertificates(home.dir);
    product = await startProduct(
      home.dir,
      { RUNLEDGER_TLS_CERT: tls.cert, RUNLEDGER_TLS_KEY: tls.key, RUNLEDGER_TLS_CLIENT_CA: tls.ca },
      ["--host", "0.0.0.0"],
    );
    expect(product.log()).toMatch(/RUNLEDGER_TLS_CERT expires on .* GMT\. Renew it and restart/);
    const secure = (url: string) => url.replace("http:", "https:");
    const client = {
      RUNLEDGER_CA_CERT: tls.ca,
      RUNLEDGER_CLIENT_CERT: tls.clientCert,
      RUNLEDGER_CLIENT_KEY: tls.clientKey,
    };
    const api = { RUNLEDGER_CONTROL_URL: secure(product.apiUrl), RUNLEDGER_API_KEY: admin };
    const list = await runledger(["keys", "list"], { ...api, ...client });
    expect([list.code, list.stdout]).toEqual([0, expect.stringContaining("root")]);
    const { RUNLEDGER_CA_CERT: _, ...untrusting } = client;
    expect((await runledger(["keys", "list"], { ...api, ...untrusting })).stderr).toContain("RUNLEDGER_CA_CERT");
    const nameless = await runledger(["keys", "list"], { ...api, RUNLEDGER_CA_CERT: tls.ca });
    expect([nameless.code, nameless.stderr]).toEqual([1, expect.stringContaining("RUNLEDGER_CLIENT_CERT")]);

    const pem = await Promise.all([tls.ca, tls.clientKey, tls.clientCert].map((path) => readFile(path)));
    const [ca = null, key = null, cert = null] = pem;
    const { secret } = JSON.parse(
      (await runledger(["keys", "create", "--name", "sdk", "--role", "ingest", "--json"], { ...api, ...client }))
        .stdout,
    );
    await eventually(
      () => exportOverGrpc(product.grpcUrl, credentials.createSsl(ca, key, cert), secret),
      (code) => code === status.OK,
    );
    expect(await exportOverGrpc(product.grpcUrl, credentials.createSsl(ca, key, cert), null)).toBe(
      status.UNAUTHENTICATED,
    );
    expect(await exportOverGrpc(product.grpcUrl, credentials.createSsl(ca), secret)).toBe(status.UNAVAILABLE);

    const ledger = createRunledger({
      endpoint: secure(product.grpcUrl),
      controlUrl: secure(product.apiUrl),
      apiKey: secret,
      spoolDir: "off",
      caCert: tls.ca,
      clientCert: tls.clientCert,
      clientKey: tls.clientKey,
    });
    await ledger.wrap(async () => "done", { agent: "over-tls" })();
    await ledger.shutdown();
    expect(ledger.stats()).toMatchObject({ failures: { delivery: 0, control: 0 } });
    const runs = () => runledger(["runs", "--agent", "over-tls"], { ...api, ...client });
    await eventually(runs, ({ stdout }) => stdout.includes("over-tls"));
  });
});

/** The status of an export of nothing over gRPC. */
function exportOverGrpc(url: string, channel: ChannelCredentials, key: string | null): Promise<number> {
  const client = new Client(new URL(url).host, channel);
  const metadata = new Metadata();
  if (key !== null) metadata.set("authorization", `Bearer ${key}`);
  const bytes = (value: Buffer) => value;
  const path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
  return new Promise((resolve) => {
    const deadline = new Date(Date.now() + 20_000);
    client.makeUnaryRequest(path, bytes, bytes, Buffer.alloc(0), metadata, { deadline }, (error) => {
      client.close();
      resolve(error === null ? status.OK : error.code);
    });
  });
}
