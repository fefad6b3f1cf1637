import { once } from "node:events";
import { createServer } from "node:net";
import type { StandaloneSettings } from "./config.ts";

const PORTS = [
  { of: "the pages and the query API", setting: "RUNLEDGER_API_PORT", flag: "--api-port", name: "apiPort" },
  { of: "OTLP/gRPC", setting: "RUNLEDGER_OTLP_GRPC_PORT", flag: "--grpc-port", name: "grpcPort" },
  { of: "OTLP/HTTP", setting: "RUNLEDGER_OTLP_HTTP_PORT", flag: "--http-port", name: "httpPort" },
] as const;
const REASONS: Record<string, string> = {
  EADDRINUSE: "is in use: end what listens there, or choose another",
  EACCES: "may not be taken by this user: choose one from 1024 on",
  EADDRNOTAVAIL: "can't be taken, since this machine has no such address: choose another host (RUNLEDGER_HOST)",
};

/** Asked before anything is started, since what listens does so last. @throws Error that names every port that can't be had, and its setting. */
export async function requireFreePorts(
  settings: Pick<StandaloneSettings, "host" | (typeof PORTS)[number]["name"]>,
): Promise<void> {
  const faults: string[] = [];
  const named = new Map<number, string>();
  for (const { of, setting, flag, name } of PORTS) {
    const port = settings[name];
    if (port === 0) continue;
    const other = named.get(port);
    const fault = other === undefined ? await faultOf(settings.host, port) : `is that of ${other} too: choose another`;
    named.set(port, of);
    if (fault !== null) faults.push(`port ${port} for ${of} ${fault} (${setting}, ${flag}; 0 for a free one)`);
  }
  if (faults.length > 0)
    throw new Error(`Runledger can't listen on ${settings.host}:\n${faults.map((fault) => `  - ${fault}`).join("\n")}`);
}

async function faultOf(host: string, port: number): Promise<string | null> {
  const server = createServer();
  try {
    server.listen({ host, port, exclusive: true });
    await once(server, "listening");
    server.close();
    await once(server, "close");
    return null;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    return REASONS[code] ?? `can't be taken: ${error instanceof Error ? error.message : String(error)}`;
  }
}
