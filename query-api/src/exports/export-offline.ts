import { randomUUID } from "node:crypto";
import { rename, rm } from "node:fs/promises";
import { exportRequest, type FindPayloadKey } from "@runledger/contract";
import type { Objects } from "@runledger/storage";
import { anchorsOf, newestWitnessedNote } from "./anchor-files.ts";
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
  shard: string;
  tenant: string;
  /** The user of this machine, who is asked no key. */
  exporter: string;
  nowMs: number;
}

/** A bundle straight from the objects, without a running Runledger; nothing records it. @throws ZodError for a filter that is none. */
export async function exportOffline(
  objects: Objects,
  findKey: FindPayloadKey | undefined,
  { shard, tenant, exporter, nowMs, ...asked }: OfflineExport,
  target: string,
  onProgress: (progress: ExportProgress) => void,
): Promise<ExportResult> {
  const { filter, recipient, reason, content, since_checkpoint = null } = exportRequest.parse(asked);
  const log = await openExportLog(
    objects,
    shard,
    findKey ?? (async () => null),
    await newestWitnessedNote(objects, shard, nowMs, since_checkpoint),
  );
  const request = {
    exportId: randomUUID(),
    createdTime: timeOf(nowMs),
    exporter: { key_id: null, name: exporter },
    recipient,
    reason,
    filter: withExactTimes(filter),
    tenant,
    content,
    sinceCheckpoint: since_checkpoint,
    anchors: await anchorsOf(objects, log),
    policies: { note: "made offline: the policies in force are not known" },
  };
  const partial = `${target}.partial`;
  try {
    const done = await writeBundle(log, request, partial, new AbortController().signal, onProgress);
    await rename(partial, target);
    return done;
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}
