import { createGrpcReceiver, createHttpReceiver, createIntake, openGate } from "@runledger/collector";
import { openJournalWriter } from "@runledger/storage";
import { Registry } from "prom-client";

/** The collector's receiving half alone: both receivers on a journal with fsync, nothing integrated. */
export async function startReceiveServer(dir: string): Promise<{ grpc: number; http: number }> {
  const journal = await openJournalWriter(dir, {
    followers: [],
    warn: (message, details) => console.error(message, details),
  });
  const intake = createIntake(
    {
      journal,
      registry: new Registry(),
      nowUnixNano: () => BigInt(Date.now()) * 1_000_000n,
      onFatal: (error) => {
        throw error;
      },
      warn: (message, details) => console.error(message, details),
    },
    {},
  );
  const settings = { host: "127.0.0.1", port: 0, gate: openGate("default") };
  const [grpc, http] = [await createGrpcReceiver(intake, settings), await createHttpReceiver(intake, settings)];
  return { grpc: grpc.port, http: http.port };
}
