import { parseArgs } from "node:util";
import { loadCorpus } from "./corpus.ts";
import { type FuzzReport, fuzz } from "./fuzz-run.ts";
import { fuzzLive } from "./live.ts";
import { startRowStore } from "./row-store.ts";
import { createTargets } from "./targets.ts";

/** `npm run fuzz -- --runs 2000000 --seed 7 --live 20000`: any number of inputs, the same ones for the same seed. Exit code 1 when something was found. */
const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "100000" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    /** Requests to a running product. */
    live: { type: "string", default: "0" },
    /** Only targets whose name contains this. */
    target: { type: "string", default: "" },
    minutes: { type: "string", default: "600" },
  },
});
const seed = Number(values.seed);
const say = (text: string) => void process.stdout.write(`${new Date().toISOString()} ${text}\n`);
process.on("unhandledRejection", (error) => {
  say(`UNHANDLED REJECTION ${error instanceof Error ? error.stack : String(error)}`);
  process.exit(1);
});

const corpus = loadCorpus();
const targets = createTargets(corpus).filter(({ name }) => name.includes(values.target));
const requests = Object.values(corpus.requests).reduce((sum, list) => sum + list.length, 0);
say(`seed ${seed}, ${requests} real requests, ${corpus.keys.length} keys, ${targets.length} targets`);
const store = await startRowStore();
try {
  const timeLimitMs = Number(values.minutes) * 60_000;
  const report = await fuzz(targets, {
    runs: Number(values.runs),
    seed,
    timeLimitMs,
    rows: store.rows,
    onProgress: say,
  });
  tell(report);
  if (Number(values.live) > 0) say(await fuzzLive(corpus, { requests: Number(values.live), seed }));
  process.exitCode = report.failures.length > 0 ? 1 : 0;
} finally {
  await store.stop();
}

function tell(report: FuzzReport): void {
  for (const [stumble, times] of report.stumbles) say(`kept whole ${times} times: ${stumble.slice(0, 300)}`);
  for (const { cpuMs, what } of report.slowest) say(`slow: ${Math.round(cpuMs)} ms of CPU time, ${what}`);
  const { inputs, refused, records, corrections, failures, heapMb } = report;
  say(
    `${inputs} inputs (${refused} refused), ${records} records, ${corrections} corrections of the resolver, ${failures.length} findings, heap ${heapMb.join(" → ")} MB`,
  );
}
