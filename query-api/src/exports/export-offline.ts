import { randomUUID } from "node:crypto";
import { rename, rm } from "node:fs/promises";
import { type BundleSummary, exportRequest, type FindPayloadKey } from "@runledger/contract";
import type { Objects } from "@runledger/storage";
import { createErasureStore } from "../erasures/erasure-store.ts";
import { anchorsOf } from "./anchor-files.ts";
import { chooseLogs } from "./choose-logs.ts";
import { withExactTimes } from "./exact-times.ts";
import { timeOf } from "./export-jobs.ts";
import { keysNotErasing, openExportLog } from "./export-log.ts";
import { createOfflineExports, type OfflineExportNote } from "./offline-exports.ts";
import { policiesInForce } from "./policies.ts";
import { tellPriceTables } from "./price-tables.ts";
import { type ExportProgress, type ExportResult, writeBundle } from "./write-bundle.ts";

export interface OfflineExport {
  /** As `POST /v1/exports` takes it. */
  filter: Record<string, string | undefined>;
  recipient: string;
  reason: string;
  content: boolean;
  since_checkpoint?: number;
  since_checkpoints?: { origin: string; size: number }[];
  /** One log alone; without it all are exported. */
  shard?: string;
  tenant: string;
  /** The user of this machine, who is asked no key. */
  exporter: string;
  nowMs: number;
}

/** Where it is noted, so that it becomes a record. */
export interface OfflineRecord {
  /** The objects, to write. */
  open(): Promise<Objects>;
  /** Null: it is noted. Else why it will be nowhere on record: who has no right to write exports all the same. */
  onEnd(error: unknown): void;
}

/**
 * A bundle straight from the objects, without a running Runledger. The next that runs on them, or one that does, records it: it is noted there before the
 * file is the target. @throws ZodError for a filter that is none.
 */
export async function exportOffline(
  objects: Objects,
  findKey: FindPayloadKey | undefined,
  { tenant, exporter, nowMs, ...asked }: OfflineExport,
  target: string,
  onProgress: (progress: ExportProgress) => void,
  record: OfflineRecord | null = null,
): Promise<ExportResult & { shards: string[]; laterEntries: number }> {
  const { filter, recipient, reason, content, ...logsAsked } = exportRequest.parse(asked);
  const chosen = await chooseLogs(objects, { ...logsAsked, tenant, content }, nowMs);
  const find =
    content && findKey !== undefined
      ? await keysNotErasing(findKey, createErasureStore(objects))
      : async (): Promise<null> => null;
  const logs = chosen.logs.map((log) => openExportLog(objects, log, find));
  const request = {
    exportId: randomUUID(),
    createdTime: timeOf(nowMs),
    exporter: { key_id: null, name: exporter },
    recipient,
    reason,
    filter: withExactTimes(filter),
    tenant,
    content,
    anchors: await anchorsOf(objects, logs, chosen.directory),
    policies: { note: "made offline: as the store tells", ...(await policiesInForce(objects, tenant)) },
    priceTables: (used: BundleSummary["price_tables"]) => tellPriceTables(objects, tenant, used),
  };
  const partial = `${target}.partial`;
  try {
    const done = await writeBundle(logs, request, partial, new AbortController().signal, onProgress);
    const shards = logs.map(({ shard }) => shard);
    const { sha256, sizeBytes: size_bytes } = done;
    await noteExport(record, {
      ...{ export_id: request.exportId, time_ms: nowMs, by: exporter, tenant, recipient, reason },
      ...{ filter: request.filter, content, shards, sha256, size_bytes },
    });
    await rename(partial, target);
    return { ...done, shards, laterEntries: chosen.laterEntries };
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

async function noteExport(record: OfflineRecord | null, note: OfflineExportNote): Promise<void> {
  if (record === null) return;
  try {
    await createOfflineExports(await record.open()).update((before) => [...before, note]);
    record.onEnd(null);
  } catch (error) {
    record.onEnd(error);
  }
}
