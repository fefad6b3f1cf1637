import { type ChildProcess, execFile, fork } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

export interface IngestBenchSettings {
  rounds: number;
  seconds: number;
  inFlight: number;
  spansPerRequest: number;
}

/** One row of the table: medians over the rounds. */
export interface IngestFigures {
  transport: "grpc" | "http";
  server: "bare" | "receive";
  spansPerSecond: number;
  cpuMicrosPerSpan: number;
  p50Ms: number;
  p99Ms: number;
  peakMegabytes: number;
  errors: number;
}

const run = promisify(execFile);
const here = (name: string) => join(import.meta.dirname, name);

/** Receiving with the journal's fsync on, in turns with a server that only decodes; each in a process of its own, the client in a third. */
export async function benchIngest(settings: IngestBenchSettings): Promise<IngestFigures[]> {
  const dir = await mkdtemp(join(tmpdir(), "runledger-bench-"));
  const servers = { bare: await startServer("bare", dir), receive: await startServer("receive", join(dir, "journal")) };
  const samples: IngestFigures[] = [];
  try {
    for (let round = 0; round < settings.rounds; round += 1) {
      for (const transport of ["http", "grpc"] as const) {
        for (const server of ["bare", "receive"] as const)
          samples.push(await measure(servers[server], server, transport, settings));
      }
    }
  } finally {
    for (const { process } of Object.values(servers)) process.kill("SIGKILL");
    await rm(dir, { recursive: true });
  }
  return mediansOf(samples);
}

interface BenchServer {
  process: ChildProcess;
  ports: { grpc: number; http: number };
}

async function startServer(kind: string, dir: string): Promise<BenchServer> {
  const process = fork(here("server-process.ts"), [kind, dir]);
  return { process, ports: await nextMessage<BenchServer["ports"]>(process) };
}

function nextMessage<Message>(process: ChildProcess): Promise<Message> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null) => reject(new Error(`the server ended with ${code}`));
    process.once("exit", onExit);
    process.once("message", (message) => {
      process.off("exit", onExit);
      resolve(message as Message);
    });
  });
}

async function usageOf({ process }: BenchServer): Promise<{ cpuMicros: number; peakBytes: number }> {
  const answer = nextMessage<{ cpuMicros: number; peakBytes: number }>(process);
  process.send("usage");
  return answer;
}

async function measure(
  server: BenchServer,
  name: IngestFigures["server"],
  transport: IngestFigures["transport"],
  settings: IngestBenchSettings,
): Promise<IngestFigures> {
  const { seconds, inFlight, spansPerRequest } = settings;
  const before = await usageOf(server);
  const args = [transport, server.ports[transport], seconds, inFlight, spansPerRequest].map(String);
  const { stdout } = await run(process.execPath, [here("load-client.ts"), ...args]);
  const after = await usageOf(server);
  const { spans, spansPerSecond, p50Ms, p99Ms, errors } = JSON.parse(stdout);
  const cpuMicrosPerSpan = (after.cpuMicros - before.cpuMicros) / spans;
  return {
    transport,
    server: name,
    spansPerSecond,
    cpuMicrosPerSpan,
    p50Ms,
    p99Ms,
    errors,
    peakMegabytes: after.peakBytes / 2 ** 20,
  };
}

function mediansOf(samples: IngestFigures[]): IngestFigures[] {
  const groups = Map.groupBy(samples, ({ transport, server }) => `${transport} ${server}`);
  return [...groups.values()].map((group) => {
    const median = (pick: (figures: IngestFigures) => number) => {
      const sorted = group.map(pick).sort((a, b) => a - b);
      return sorted[Math.floor(sorted.length / 2)] ?? 0;
    };
    const [{ transport, server }] = group as [IngestFigures, ...IngestFigures[]];
    return {
      transport,
      server,
      spansPerSecond: median((figures) => figures.spansPerSecond),
      cpuMicrosPerSpan: median((figures) => figures.cpuMicrosPerSpan),
      p50Ms: median((figures) => figures.p50Ms),
      p99Ms: median((figures) => figures.p99Ms),
      peakMegabytes: Math.max(...group.map((figures) => figures.peakMegabytes)),
      errors: group.reduce((sum, figures) => sum + figures.errors, 0),
    };
  });
}
