import { randomUUID } from "node:crypto";
import { rename, rm } from "node:fs/promises";
import { exportRequest, type FindPayloadKey } from "@runledger/contract";
import type { Objects } from "@runledger/storage";
import { anchorsOf } from "./anchor-files.ts";
import { chooseLogs } from "./choose-logs.ts";
import { withExactTimes } from "./exact-times.ts";
import { timeOf } from "./export-jobs.ts";
import { openExportLog } from "./export-log.ts";
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

/** A bundle straight from the objects, without a running Runledger; nothing records it. @throws ZodError for a filter that is none. */
export async function exportOffline(
  objects: Objects,
  findKey: FindPayloadKey | undefined,
  { tenant, exporter, nowMs, ...asked }: OfflineExport,
  target: string,
  onProgress: (progress: ExportProgress) => void,
): Promise<ExportResult & { shards: string[] }> {
  const { filter, recipient, reason, content, ...logsAsked } = exportRequest.parse(asked);
  const chosen = await chooseLogs(objects, logsAsked, nowMs);
  const logs = chosen.logs.map((log) => openExportLog(objects, log, findKey ?? (async () => null)));
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
    policies: { note: "made offline: the policies in force are not known" },
  };
  const partial = `${target}.partial`;
  try {
    const done = await writeBundle(logs, request, partial, new AbortController().signal, onProgress);
    await rename(partial, target);
    return { ...done, shards: logs.map(({ shard }) => shard) };
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}
