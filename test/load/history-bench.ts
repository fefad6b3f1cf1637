import { readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Product, startProduct, temporaryDir } from "../support/product.ts";
import { createHistoryAgent, HISTORY_FORMS, type HistoryForm } from "./history-agent.ts";

/** One row of the table: a long run sent to the product, and what it costs on the disk. */
export interface HistoryFigures {
  form: HistoryForm;
  steps: number;
  receivedBytes: number;
  /** System prompt, tools and messages, each once. */
  newBytes: number;
  packBytes: number;
  /** Entries, tiles, checkpoints. */
  logBytes: number;
  clickhouseBytes: number;
}

const SEED = 7;
const DRAIN_MS = 100;

export async function benchHistory(stepCounts: readonly number[]): Promise<HistoryFigures[]> {
  const figures: HistoryFigures[] = [];
  for (const steps of stepCounts) {
    for (const form of HISTORY_FORMS) {
      const home = await temporaryDir("history");
      const product = await startProduct(home.dir);
      try {
        figures.push(await measure(product, form, steps));
      } finally {
        await product.kill();
        await home.remove();
      }
    }
  }
  return figures;
}

async function measure(product: Product, form: HistoryForm, steps: number): Promise<HistoryFigures> {
  const objects = join(product.dataDir, "objects");
  const before = await clickhouseBytes(product);
  const agent = createHistoryAgent(form, SEED);
  let receivedBytes = 0;
  for (let step = 0; step < steps; step++) {
    const body = agent.next();
    receivedBytes += body.length;
    const headers = { "content-type": "application/x-protobuf" };
    const response = await fetch(`${product.httpUrl}/v1/traces`, {
      method: "POST",
      headers,
      body: new Uint8Array(body),
    });
    if (response.status !== 200) throw new Error(`step ${step} was answered ${response.status}`);
  }
  await untilDrained(product);
  return {
    form,
    steps,
    receivedBytes,
    newBytes: agent.newBytes(),
    packBytes: await bytesOf(join(objects, "payloads")),
    logBytes: await logBytes(join(objects, "log")),
    clickhouseBytes: (await clickhouseBytes(product)) - before,
  };
}

async function untilDrained(product: Product): Promise<void> {
  for (;;) {
    const text = await (await fetch(`${product.apiUrl}/metrics`)).text();
    const last = Number(/^runledger_journal_last_seq (\S+)/m.exec(text)?.[1] ?? 0);
    const next = ["audit", "metrics"].map((sink) =>
      Number(new RegExp(`^runledger_integrated_next_seq\\{sink="${sink}"\\} (\\S+)`, "m").exec(text)?.[1] ?? 0),
    );
    if (Math.min(...next) > last) return;
    await sleep(DRAIN_MS);
  }
}

/** Without the partial tiles that the next 256 entries replace. */
async function logBytes(dir: string): Promise<number> {
  const partials = (await bytesByFile(dir)).filter(([path]) => path.includes(".p/"));
  const widest = new Map<string, number>();
  for (const [path, bytes] of partials) widest.set(dirname(path), Math.max(bytes, widest.get(dirname(path)) ?? 0));
  const passing = partials.reduce((sum, [, bytes]) => sum + bytes, 0);
  return (await bytesOf(dir)) - passing + [...widest.values()].reduce((sum, bytes) => sum + bytes, 0);
}

/** The tables' files as they lie there, merged or not. */
function clickhouseBytes(product: Product): Promise<number> {
  return bytesOf(join(product.dataDir, "clickhouse"));
}

async function bytesOf(dir: string): Promise<number> {
  return (await bytesByFile(dir)).reduce((sum, [, bytes]) => sum + bytes, 0);
}

async function bytesByFile(dir: string): Promise<[path: string, bytes: number][]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const sizes = entries.map(async (entry): Promise<[string, number]> => {
    const path = join(entry.parentPath, entry.name);
    // Parts of tables are merged and removed meanwhile.
    const found = await stat(path).catch(() => null);
    return [path, found?.isFile() === true ? found.size : 0];
  });
  return Promise.all(sizes);
}
