import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type BundleSummary, type FindPayloadKey, LogError, rfc3339FromUnixNano } from "@runledger/contract";
import { type Objects, StorageError } from "@runledger/storage";
import type { FastifyBaseLogger } from "fastify";
import type { ErasureStore } from "../erasures/erasure-store.ts";
import { QueryApiError } from "../error.ts";
import { anchorsOf } from "./anchor-files.ts";
import { readBundleKeys, removeBundle, writeBundleKeys } from "./bundle-keys.ts";
import { directoryHeads } from "./directory-reading.ts";
import { keysNotErasing, openExportLog } from "./export-log.ts";
import { chosenLogs, type ExportStore, isUnfinished, type KeptExport } from "./export-store.ts";
import { tellPriceTables } from "./price-tables.ts";
import { type ExportProgress, writeBundle } from "./write-bundle.ts";

/** Makes bundles, one after the other, in the background of the API. */
export interface ExportJobs {
  /** Takes up what an earlier process left, and deletes what is too old. */
  start(): Promise<void>;
  /** There is a new one. */
  wake(): void;
  progressOf(id: string): ExportProgress | null;
  fileOf(id: string): string;
  /** Deletes a bundle that holds what was erased since it was made, and says why; null: it holds nothing of the kind. */
  withdrawErased(kept: KeptExport): Promise<string | null>;
  readonly instance: string;
  /** Interrupts what is being made: the next start makes it again, from the same checkpoint. */
  stop(): Promise<void>;
}

export interface ExportJobsDependencies {
  objects: Objects;
  store: ExportStore;
  erasures: Pick<ErasureStore, "ofAnyKey" | "underWay">;
  findKey: () => FindPayloadKey;
  policies: (tenant: string) => Promise<object>;
  clock: () => number;
  logger: FastifyBaseLogger;
}

export interface ExportJobsSettings {
  directory: string;
  keepMs: number;
}

const MAX_ATTEMPTS = 3;
const SWEEP_MS = 60_000;

export async function createExportJobs(
  dependencies: ExportJobsDependencies,
  { directory, keepMs }: ExportJobsSettings,
): Promise<ExportJobs> {
  const { store, erasures, clock, logger } = dependencies;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await removeParts(directory);
  const instance = await instanceOf(directory);
  const progress = new Map<string, ExportProgress>();
  const turns = new Set<string>();
  const abort = new AbortController();
  let running: Promise<void> | null = null;
  let again = false;
  let sweeper: NodeJS.Timeout | undefined;
  const fileOf = (id: string): string => join(directory, `${id}.tar`);
  const makeOne = (kept: KeptExport): Promise<void> =>
    makeExport(kept, dependencies, { keepMs, file: fileOf(kept.id) }, abort.signal, (at) => progress.set(kept.id, at));

  const fail = async (kept: KeptExport, error: unknown): Promise<void> => {
    if (abort.signal.aborted) return;
    logger.error({ err: error, exportId: kept.id }, "an export failed");
    await rm(`${fileOf(kept.id)}.partial`, { force: true });
    await store.change(kept.id, { state: "failed", finished_time: timeOf(clock()), error: reasonOf(error) });
  };
  const makeAll = async (): Promise<void> => {
    while (!abort.signal.aborted) {
      const waiting = (await store.all()).filter((kept) => isUnfinished(kept) && kept.instance === instance);
      const next = nextInTurn(waiting.reverse(), turns);
      if (next === undefined) return;
      const tooOften = new Error(`it was interrupted ${MAX_ATTEMPTS} times`);
      await (next.attempts >= MAX_ATTEMPTS ? fail(next, tooOften) : makeOne(next).catch((error) => fail(next, error)));
      progress.delete(next.id);
    }
  };
  const withdrawErased = async (kept: KeptExport): Promise<string | null> => {
    const error = kept.content ? await whyWithdrawn(fileOf(kept.id), erasures) : null;
    if (error === null) return null;
    await removeBundle(fileOf(kept.id));
    await store.change(kept.id, { state: "expired", error });
    logger.info({ exportId: kept.id, error }, "a bundle was deleted");
    return error;
  };
  const sweep = async (): Promise<void> => {
    const exports = await store.all();
    for (const kept of exports) {
      if (kept.instance !== instance || kept.state !== "done") continue;
      if ((kept.expires_ms ?? 0) > clock()) {
        await withdrawErased(kept);
        continue;
      }
      await removeBundle(fileOf(kept.id));
      await store.change(kept.id, { state: "expired" });
    }
    await removeStrangers(directory, new Set(exports.filter(({ state }) => state !== "expired").map(({ id }) => id)));
  };
  const wake = (): void => {
    again = true;
    if (running !== null || abort.signal.aborted) return;
    running = (async () => {
      while (again) {
        again = false;
        // The store may be away for a while: the sweep looks again.
        await makeAll().catch((error) =>
          logger.error({ err: error }, "exports wait: their state can't be read or written"),
        );
      }
      running = null;
    })();
  };
  return {
    async start() {
      const act = (): void => {
        sweep().catch((error) => logger.warn({ err: error }, "old exports were not looked for"));
        wake();
      };
      act();
      sweeper = setInterval(act, SWEEP_MS).unref();
    },
    wake,
    progressOf: (id) => progress.get(id) ?? null,
    fileOf,
    withdrawErased,
    instance,
    async stop() {
      clearInterval(sweeper);
      abort.abort(new Error("the query API is stopping"));
      await running;
    },
  };
}

/** The oldest of the tenant whose last turn is the longest ago, so that nobody waits for all that another has asked for. Notes the turn in `turns`, the last at its end. */
export function nextInTurn<Kept extends { tenant: string }>(
  oldestFirst: readonly Kept[],
  turns: Set<string>,
): Kept | undefined {
  const served = [...turns];
  const lastTurn = (kept: Kept): number => served.indexOf(kept.tenant);
  const [next] = oldestFirst.toSorted((a, b) => lastTurn(a) - lastTurn(b));
  if (next === undefined) turns.clear();
  else {
    turns.delete(next.tenant);
    turns.add(next.tenant);
  }
  return next;
}

async function whyWithdrawn(bundle: string, erasures: ExportJobsDependencies["erasures"]): Promise<string | null> {
  const keyIds = await readBundleKeys(bundle);
  if (keyIds === null) return "an earlier version made it, which did not note whose contents are in it";
  const erasure = await erasures.ofAnyKey(keyIds);
  return erasure && `contents in it were erased since (erasure ${erasure.erasure_id})`;
}

async function makeExport(
  kept: KeptExport,
  { objects, store, findKey, policies, erasures, clock }: ExportJobsDependencies,
  { keepMs, file }: { keepMs: number; file: string },
  signal: AbortSignal,
  onProgress: (progress: ExportProgress) => void,
): Promise<void> {
  const partial = `${file}.partial`;
  await store.change(kept.id, { state: "running", attempts: kept.attempts + 1 });
  await rm(partial, { force: true });
  const chosen = chosenLogs(kept);
  const find = await keysNotErasing(findKey(), erasures);
  const logs = chosen.logs.map((log) => openExportLog(objects, log, find));
  const request = {
    exportId: kept.id,
    createdTime: kept.created_time,
    exporter: kept.exporter,
    recipient: kept.recipient,
    reason: kept.reason,
    filter: kept.filter,
    tenant: kept.tenant,
    content: kept.content,
    policies: await policies(kept.tenant),
    priceTables: (used: BundleSummary["price_tables"]) => tellPriceTables(objects, kept.tenant, used),
    anchors: await anchorsOf(objects, logs, chosen.directory ?? (await directoryHeads(objects))),
  };
  const done = await writeBundle(logs, request, partial, signal, onProgress);
  if (kept.content) await writeBundleKeys(file, done.openedKeyIds);
  await rename(partial, file);
  // A crash before this makes the same bundle again.
  await store.change(kept.id, {
    state: "done",
    finished_time: timeOf(clock()),
    expires_ms: clock() + keepMs,
    entries: done.summary.entries,
    runs: done.summary.runs,
    missing_payloads: done.missingPayloads,
    size_bytes: done.sizeBytes,
    sha256: done.sha256,
  });
}

/** The name of who makes exports in this directory; several may share one object store. */
async function instanceOf(directory: string): Promise<string> {
  const path = join(directory, "instance");
  const name = await readFile(path, "utf8").catch(() => "");
  if (name !== "") return name;
  const made = randomUUID();
  await writeFile(path, made, { mode: 0o600 });
  return made;
}

/** What a killed process was making, before this one makes any: writeBundle's own directories. */
async function removeParts(directory: string): Promise<void> {
  for (const name of await readdir(directory))
    if (name.startsWith("parts-")) await rm(join(directory, name), { recursive: true, force: true });
}

/** What crashes left, and bundles that nobody knows any more. */
async function removeStrangers(directory: string, known: ReadonlySet<string>): Promise<void> {
  for (const name of await readdir(directory)) {
    const [, id] = /^(.*)\.(tar|tar\.partial|keys)$/.exec(name) ?? [];
    if (id !== undefined && !known.has(id)) await rm(join(directory, name), { force: true });
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof QueryApiError) return error.hint === null ? error.message : `${error.message}: ${error.hint}`;
  if (error instanceof LogError) return `the log can't be read: ${error.message}; run \`runledger verify\``;
  if (error instanceof StorageError) return `the object store: ${error.message}`;
  const code = (error as NodeJS.ErrnoException | null)?.code;
  if (code === "ENOSPC") return "there is no room on the disk of the data directory";
  return error instanceof Error ? error.message : String(error);
}

export function timeOf(ms: number): string {
  return rfc3339FromUnixNano(BigInt(ms) * 1_000_000n);
}
