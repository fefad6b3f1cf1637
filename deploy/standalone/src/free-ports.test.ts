import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { expect, test } from "vitest";
import { requireFreePorts } from "./free-ports.ts";

test("ports that are taken are named, all of them, with their settings, and free ones are left free", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const { port } = taken.address() as AddressInfo;
  const host = "127.0.0.1";
  const asked = requireFreePorts({ host, apiPort: port, grpcPort: 0, httpPort: port });
  await expect(asked).rejects.toThrow(`port ${port} for the pages and the query API is in use`);
  await expect(asked).rejects.toThrow(`port ${port} for OTLP/HTTP is that of the pages and the query API too`);
  await expect(asked).rejects.toThrow("RUNLEDGER_API_PORT, --api-port; 0 for a free one");
  taken.close();
  await once(taken, "close");
  for (let again = 0; again < 2; again++) await requireFreePorts({ host, apiPort: port, grpcPort: 0, httpPort: 0 });
});

test("an address that this machine does not have is told of", async () => {
  const asked = requireFreePorts({ host: "192.0.2.1", apiPort: 4400, grpcPort: 0, httpPort: 0 });
  await expect(asked).rejects.toThrow("no such address: choose another host (RUNLEDGER_HOST)");
});
