import { benchIngest } from "./ingest-bench.ts";

const figures = await benchIngest({ rounds: 3, seconds: 3, inFlight: 8, spansPerRequest: 512 });
console.table(
  figures.map((row) => {
    const bare = figures.find(({ transport, server }) => transport === row.transport && server === "bare");
    return {
      transport: row.transport,
      server: row.server,
      "k spans/s": Number((row.spansPerSecond / 1_000).toFixed(1)),
      "CPU µs/span": Number(row.cpuMicrosPerSpan.toFixed(2)),
      "× bare": bare ? Number((row.spansPerSecond / bare.spansPerSecond).toFixed(2)) : null,
      "p50 ms": Number(row.p50Ms.toFixed(1)),
      "p99 ms": Number(row.p99Ms.toFixed(1)),
      "peak MB": Math.round(row.peakMegabytes),
      errors: row.errors,
    };
  }),
);
