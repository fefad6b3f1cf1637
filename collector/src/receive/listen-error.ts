import type { Transport } from "./receive-metrics.ts";

const SETTING: Record<Transport, string> = {
  grpc: "RUNLEDGER_OTLP_GRPC_PORT or --grpc-port",
  http: "RUNLEDGER_OTLP_HTTP_PORT or --http-port",
};
const REASONS: [code: string, reason: string][] = [
  ["EADDRINUSE", "another process listens there; stop that one, or choose another port"],
  ["EACCES", "this user may not; choose a port from 1024 on"],
  ["EADDRNOTAVAIL", "this machine does not have that address; choose another host (RUNLEDGER_HOST), or port"],
];

/** Why a receiver can't listen, and the way out. The gRPC library tells the system's code in its message only. */
export function listenError(transport: Transport, address: string, cause: unknown): Error {
  const told = cause instanceof Error ? cause.message : String(cause);
  const reason = REASONS.find(([code]) => told.includes(code))?.[1] ?? `${told}; choose another port`;
  return new Error(`can't take OTLP/${transport} at ${address}: ${reason} (${SETTING[transport]}, 0 for a free one)`, {
    cause,
  });
}
