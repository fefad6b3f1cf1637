import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { demoAccess } from "./demo-access.ts";

const ports = { grpcPort: 4317, apiPort: 4400 };
let dir: string;
let tlsCertPath: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "runledger-demo-access-"));
  tlsCertPath = join(dir, "cert.pem");
  const self = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=runledger", "-days", "2"];
  const names = ["-addext", "subjectAltName=DNS:localhost"];
  execFileSync("openssl", [...self, ...names, "-keyout", join(dir, "key.pem"), "-out", tlsCertPath], {
    stdio: "ignore",
  });
});
afterAll(() => rmSync(dir, { recursive: true }));

test("agents are told where to be stopped, and the installation's key", () => {
  expect(
    demoAccess({ host: "127.0.0.1", apiKey: "the key of this house", tls: null, tlsCertPath: null }, ports),
  ).toEqual({
    endpoint: "http://127.0.0.1:4317",
    controlUrl: "http://127.0.0.1:4400",
    apiKey: "the key of this house",
  });
});

test.each([
  ["0.0.0.0", "http://127.0.0.1:4317"],
  ["::", "http://[::1]:4317"],
  ["10.0.0.7", "http://10.0.0.7:4317"],
])("listening on %s, they connect to %s", (host, endpoint) => {
  expect(demoAccess({ host, apiKey: null, tls: null, tlsCertPath: null }, ports).endpoint).toBe(endpoint);
});

test("over TLS they use a name that the certificate has, and trust one that signed itself", () => {
  const tls = { cert: readFileSync(tlsCertPath, "utf8"), key: "", clientCa: null };
  expect(demoAccess({ host: "127.0.0.1", apiKey: null, tls, tlsCertPath }, ports)).toEqual({
    endpoint: "https://localhost:4317",
    controlUrl: "https://localhost:4400",
    caCert: tlsCertPath,
  });
});
