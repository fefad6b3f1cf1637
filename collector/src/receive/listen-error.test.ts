import { once } from "node:events";
import { connect, createServer } from "node:net";
import { expect, test } from "vitest";
import { openGate } from "./gate.ts";
import { createGrpcReceiver } from "./grpc-receiver.ts";
import { createHttpReceiver } from "./http-receiver.ts";
import type { Intake } from "./intake.ts";
import { listenError } from "./listen-error.ts";

const noIntake: Intake = {
  maxBodyBytes: 1,
  reserve: () => {
    throw new Error("not called");
  },
  take: () => Promise.reject(new Error("not called")),
  refuse: () => {
    throw new Error("not called");
  },
  countAborted: () => undefined,
};

test.each([
  ["grpc", createGrpcReceiver, "RUNLEDGER_OTLP_GRPC_PORT or --grpc-port"],
  ["http", createHttpReceiver, "RUNLEDGER_OTLP_HTTP_PORT or --http-port"],
] as const)("a taken port of OTLP/%s is named with its setting and the way out", async (transport, create, setting) => {
  const other = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => other.once("listening", resolve));
  const address = other.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  await expect(create(noIntake, { host: "127.0.0.1", port, gate: openGate("default") })).rejects.toThrow(
    `can't take OTLP/${transport} at 127.0.0.1:${port}: another process listens there; stop that one, or choose another port (${setting}`,
  );
  other.close();
});

test.each([
  ["grpc", createGrpcReceiver],
  ["http", createHttpReceiver],
] as const)("OTLP/%s listens on addresses of IPv6", async (_transport, create) => {
  for (const host of ["::1", "::"]) {
    const receiver = await create(noIntake, { host, port: 0, gate: openGate("default") });
    const client = connect({ host: "::1", port: receiver.port });
    await once(client, "connect");
    client.destroy();
    await receiver.close();
  }
});

test("a port that this user may not take is told as such", () => {
  const cause = Object.assign(new Error("listen EACCES: permission denied 0.0.0.0:80"), { code: "EACCES" });
  expect(listenError("http", "0.0.0.0:80", cause).message).toMatch(/this user may not; choose a port from 1024 on/);
});
