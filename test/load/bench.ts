import { parseArgs } from "node:util";
import { benchControl } from "./control-bench.ts";
import { benchHistory } from "./history-bench.ts";
import { benchIngest } from "./ingest-bench.ts";
import { benchGrowth, benchRequests } from "./log-bench.ts";
import { benchNormalize, profileNormalize } from "./normalize-bench.ts";
import { benchProduct } from "./product-bench.ts";
import { benchQueries } from "./query-bench.ts";
import { benchSdk, type Cpu } from "./sdk-bench.ts";
import { firstChunkPercentiles, memoryWithoutCollector, stepPercentiles } from "./sdk-footprint.ts";

/** `npm run bench [-- --quick] [-- --only ingest|normalize|product|log|history|query|control|sdk]`: prints the tables of docs/performance.md. */
const { values: flags } = parseArgs({
  options: { quick: { type: "boolean", default: false }, only: { type: "string" }, entries: { type: "string" } },
});
const wanted = (name: string) => flags.only === undefined || flags.only === name;
const rounded = (value: number, digits = 1) => Number(value.toFixed(digits));

if (wanted("ingest")) {
  const size = flags.quick ? { rounds: 1, seconds: 1 } : { rounds: 5, seconds: 4 };
  const figures = await benchIngest({ ...size, inFlight: 8, spansPerRequest: 512 });
  console.log(
    "\nReceiving, answered after the journal's fsync, next to a bare server that only decodes the same requests",
  );
  console.table(
    figures.map((row) => {
      const bare = figures.find(({ transport, server }) => transport === row.transport && server === "bare");
      return {
        transport: row.transport,
        server: row.server,
        "k spans/s": rounded(row.spansPerSecond / 1_000),
        "CPU µs/span": rounded(row.cpuMicrosPerSpan, 2),
        "× bare": bare ? rounded(row.spansPerSecond / bare.spansPerSecond, 2) : null,
        "p50 ms": rounded(row.p50Ms),
        "p99 ms": rounded(row.p99Ms),
        "peak MB": Math.round(row.peakMegabytes),
        errors: row.errors,
      };
    }),
  );
}

if (wanted("normalize")) {
  const figures = await benchNormalize(flags.quick ? { rounds: 2, sampleMs: 20 } : { rounds: 12, sampleMs: 8 });
  console.log("\nNormalising next to decoding, CPU µs a span");
  const times = (row: (typeof figures)[number], decoded: number) => rounded((row.whole - row.decode) / decoded, 2);
  console.table(
    figures.map((row) => ({
      input: row.input,
      bytes: Math.round(row.bytesPerSpan),
      ours: rounded(row.decode),
      generated: rounded(row.generated),
      "gzip + generated": rounded(row.gzip),
      "stock gRPC": rounded(row.stockGrpc),
      "stock gRPC + bodies": rounded(row.bodies),
      "JSON.parse": rounded(row.json),
      normalize: rounded(row.whole - row.decode),
      "× ours": times(row, row.decode),
      "× generated": times(row, row.generated),
      "× gzip": times(row, row.gzip),
      "× stock gRPC": times(row, row.stockGrpc),
      "× stock gRPC + bodies": times(row, row.bodies),
    })),
  );
  const mean = (of: (row: (typeof figures)[number]) => number) =>
    rounded(Math.exp(figures.reduce((sum, row) => sum + Math.log(of(row)), 0) / figures.length), 2);
  console.log(
    `geometric means: × ours ${mean((row) => times(row, row.decode))}, × generated ${mean((row) => times(row, row.generated))}, ` +
      `× gzip ${mean((row) => times(row, row.gzip))}, × stock gRPC ${mean((row) => times(row, row.stockGrpc))}, ` +
      `× stock gRPC + bodies ${mean((row) => times(row, row.bodies))}`,
  );
  console.log("\nAnd what the sinks make of it before they write, CPU µs a span");
  console.table(
    figures.map((row) => ({
      input: row.input,
      "decode and normalize": rounded(row.whole),
      "audit: seal, pack, entry": rounded(row.audit),
      rows: rounded(row.rows),
      all: rounded(row.whole + row.audit + row.rows),
    })),
  );
  console.log("\nWhere the time goes, all inputs in turns, % of samples");
  const profile = Object.entries(await profileNormalize(flags.quick ? 1 : 5)).sort(([, a], [, b]) => b - a);
  console.table(Object.fromEntries(profile.map(([part, share]) => [part, rounded(share * 100)])));
}

if (wanted("product")) {
  const size = flags.quick ? { rates: [2_000], seconds: 2 } : { rates: [1_000, 5_000, 30_000], seconds: 8 };
  const figures = await benchProduct({ ...size, inFlight: 8, spansPerRequest: 512 });
  console.log(
    "\nThe whole product at a steady load over HTTP: audit log, ClickHouse and API with it, client on the same machine",
  );
  console.table(
    figures.map((row) => ({
      "offered k/s": row.offeredPerSecond / 1_000,
      "acknowledged k/s": rounded(row.acknowledgedPerSecond / 1_000),
      "integrated k/s": rounded(row.integratedPerSecond / 1_000),
      "backlog at the end, k": rounded(row.backlogSpans / 1_000),
      "drained in s": rounded(row.drainSeconds),
      "visible p50 ms": Math.round(row.visibleP50Ms),
      "visible p95 ms": Math.round(row.visibleP95Ms),
      "CPU µs/span": rounded(row.cpuMicrosPerSpan),
      "ClickHouse µs/span": rounded(row.clickhouseMicrosPerSpan),
      "peak MB": Math.round(row.peakMegabytes),
      errors: row.errors,
    })),
  );
}

if (wanted("log")) {
  const sizes = flags.quick
    ? [1_000]
    : (flags.entries ?? "10000,100000,1000000")
        .split(",")
        .map(Number)
        .filter((size) => size > 0);
  console.log("\nThe audit log over files at several sizes: contents sealed, a batch of 512 as the product makes them");
  for (const size of sizes) {
    const row = await benchGrowth(size, flags.quick ? 2 : 16, 512);
    console.table([
      {
        entries: row.entries,
        "integrated/s": Math.round(row.entriesPerSecond),
        "CPU µs/entry": rounded(row.cpuMicrosPerEntry),
        "opened in ms": Math.round(row.openMs),
        "verified/s": Math.round(row.verifiedPerSecond),
        "verify CPU µs/entry": rounded(row.verifyCpuMicrosPerEntry),
        "verify peak MB": Math.round(row.verifyPeakMegabytes),
        "bytes/entry": Math.round(row.bytesPerEntry),
        "tile bytes/entry": rounded(row.tileBytesPerEntry, 2),
      },
    ]);
  }
  console.log("\nS3 requests and bytes of 1,000 records, next to an object for each record and each content");
  const rows = [];
  for (const size of flags.quick ? [100] : [10, 100, 1_000, 5_000])
    rows.push(await benchRequests(size, Math.max(size, flags.quick ? 200 : 1_000)));
  console.table(
    rows.map((row) => ({
      "records a batch": row.recordsPerBatch,
      PUT: rounded(row.writes),
      "GET, HEAD": rounded(row.reads),
      LIST: rounded(row.lists),
      DELETE: rounded(row.deletes),
      "KB stored": Math.round(row.storedBytes / 1_000),
      "PUT, an object each": Math.round(row.writesAnObjectEach),
    })),
  );
}

if (wanted("history")) {
  const figures = await benchHistory(flags.quick ? [20] : [50, 1_000]);
  console.log("\nHistories: an agent that sends its whole history at each step, bytes received and bytes kept");
  console.table(
    figures.map((row) => ({
      form: row.form,
      steps: row.steps,
      "received MB": rounded(row.receivedBytes / 1e6, 2),
      "new messages MB": rounded(row.newBytes / 1e6, 3),
      "packs MB": rounded(row.packBytes / 1e6, 3),
      "log MB": rounded(row.logBytes / 1e6, 3),
      "ClickHouse MB": rounded(row.clickhouseBytes / 1e6, 3),
      "received / kept": rounded(row.receivedBytes / (row.packBytes + row.logBytes + row.clickhouseBytes)),
      "packs / new": rounded(row.packBytes / row.newBytes, 2),
    })),
  );
}

if (wanted("query")) {
  const size = flags.quick ? { steps: 20_000, repeats: 3 } : { steps: 1_000_000, repeats: 15 };
  const figures = await benchQueries({ ...size, stepsPerRun: 10 });
  console.log(`\nThe query API over ${size.steps} steps`);
  console.table(figures.map((row) => ({ call: row.call, "p50 ms": rounded(row.p50Ms), "p95 ms": rounded(row.p95Ms) })));
}

if (wanted("control")) {
  const figures = await benchControl({ rounds: flags.quick ? 3 : 25, pauseMs: 200 });
  console.log("\nControl: an agent in a process of its own, against the whole product");
  console.table(
    figures.map((row) => ({
      what: row.what,
      rounds: row.rounds,
      "p50 ms": row.p50Ms,
      "p95 ms": row.p95Ms,
      "max ms": row.maxMs,
    })),
  );
}

if (wanted("sdk")) {
  const figures = await benchSdk(flags.quick ? { rounds: 3, calls: 100 } : { rounds: 9, calls: 400 });
  console.log("\nThe SDK: CPU a call, µs, delivery to the collector included");
  const added = (one: Cpu | undefined, plain: Cpu, of: keyof Cpu) =>
    one ? Math.round(one[of] - plain[of]) : undefined;
  console.table(
    figures.map(({ call, plain, span, recorded }) => {
      const [ours, bare] = [recorded, span].map((one) => one && one.threadMicros - plain.threadMicros);
      return {
        call,
        "without us, agent's thread": Math.round(plain.threadMicros),
        "added by a bare span": added(span, plain, "threadMicros"),
        "added by us": added(recorded, plain, "threadMicros"),
        "× a bare span": ours && bare ? (ours / bare).toFixed(2) : undefined,
        "added to the process by a bare span": added(span, plain, "processMicros"),
        "added to the process by us": added(recorded, plain, "processMicros"),
      };
    }),
  );
  const calls = flags.quick ? 500 : 5_000;
  console.log("\nThe SDK: single steps, by the clock, µs");
  console.table(
    (await stepPercentiles(calls * 4)).map((row) => ({
      what: row.what,
      p50: rounded(row.p50Micros),
      p99: rounded(row.p99Micros),
      "past p99, while memory is collected": `${Math.round(row.collecting * 100)} %`,
    })),
  );
  console.log("\nThe SDK: until the first chunk of a stream, by the clock, µs");
  const chunks = await firstChunkPercentiles(calls / 5);
  console.table(chunks.map((row) => ({ what: row.what, p50: rounded(row.p50Micros), p99: rounded(row.p99Micros) })));
  const memory = await memoryWithoutCollector(10_000);
  console.log("\nThe SDK: 10,000 steps in memory while no collector answers, MB");
  console.table([{ heap: rounded(memory.heapMegabytes), "as counted": rounded(memory.queuedMegabytes) }]);
}
