import { EXPORT_STATES, exportFilter, statePath } from "@runledger/contract";
import { createStateDocument, type Objects } from "@runledger/storage";
import { z } from "zod";
import { QueryApiError } from "../error.ts";
import { newestOfEach, whyFull } from "../state/tenant-share.ts";
import type { ChosenLogs, DirectoryHeads } from "./choose-logs.ts";

const count = z.number().int().nonnegative();
/** Of a tenant. The bundles of those that go are deleted. */
const MAX_KEPT = 200;
/** Of a tenant. */
const MAX_UNFINISHED = 20;

const keptLog = z.strictObject({
  shard: z.string(),
  /** Base64 of the signed note that it is made from. */
  checkpoint: z.string(),
  since_checkpoint: count.nullable(),
});

/** An export as it is kept: enough to make it again after a restart, from the same checkpoints. */
const keptExport = z.strictObject({
  id: z.string(),
  tenant: z.string(),
  /** The one log that was asked for; null: all. */
  shard: z.string().nullable(),
  logs: z.array(keptLog).min(1),
  /** Base64 of the directory's heads as they stood then; null: of an earlier version's. */
  directory: z.strictObject({ newest: z.string().nullable(), cosigned: z.string().nullable() }).nullable(),
  /** Entries that witnesses had not cosigned yet; absent: of an earlier version's. */
  later_entries: count.optional(),
  state: z.enum(EXPORT_STATES),
  /** Which instance makes it and has its file. */
  instance: z.string(),
  filter: exportFilter,
  recipient: z.string(),
  reason: z.string(),
  content: z.boolean(),
  created_time: z.string(),
  exporter: z.strictObject({ key_id: z.string().nullable(), name: z.string() }),
  attempts: count,
  finished_time: z.string().nullable(),
  expires_ms: count.nullable(),
  entries: count.nullable(),
  runs: count.nullable(),
  missing_payloads: count.nullable(),
  size_bytes: count.nullable(),
  sha256: z.string().nullable(),
  error: z.string().nullable(),
});
export type KeptExport = z.infer<typeof keptExport>;

/** Of before exports were of several logs. */
const earlierExport = z
  .looseObject({ shard: z.string(), checkpoint: z.string(), since_checkpoint: count.nullable() })
  .transform(({ shard, checkpoint, since_checkpoint, ...others }) => ({
    ...others,
    ...{ shard, logs: [{ shard, checkpoint, since_checkpoint }], directory: null },
  }));
const storedExport = z.preprocess((stored) => earlierExport.safeParse(stored).data ?? stored, keptExport);

/** Its logs as they were chosen when it was asked for. */
export function chosenLogs({ logs, directory }: KeptExport): Pick<ChosenLogs, "logs"> & {
  directory: DirectoryHeads | null;
} {
  return {
    logs: logs.map(({ shard, checkpoint, since_checkpoint }) => ({
      shard,
      note: Buffer.from(checkpoint, "base64"),
      sinceCheckpoint: since_checkpoint,
    })),
    directory: directory && { newest: bytesOf(directory.newest), cosigned: bytesOf(directory.cosigned) },
  };
}

export function keptLogs({
  logs,
  directory: { newest, cosigned },
  laterEntries: later_entries,
}: ChosenLogs): Pick<KeptExport, "logs" | "directory" | "later_entries"> {
  return {
    later_entries,
    logs: logs.map(({ shard, note, sinceCheckpoint }) => ({
      ...{ shard, checkpoint: Buffer.from(note).toString("base64"), since_checkpoint: sinceCheckpoint },
    })),
    directory: { newest: base64(newest), cosigned: base64(cosigned) },
  };
}

export interface ExportStore {
  /** Newest first. */
  all(): Promise<KeptExport[]>;
  find(tenant: string, id: string): Promise<KeptExport>;
  /** Durable when it resolves. @throws QueryApiError `rate_limited` when too many wait. */
  add(kept: KeptExport): Promise<void>;
  change(id: string, changes: Partial<KeptExport>): Promise<void>;
  /** Exports of a person that are finished name what stands for the person from now on. Again has no effect. */
  rename(tenant: string, userId: string, label: string): Promise<void>;
}

export function createExportStore(objects: Objects): ExportStore {
  const document = createStateDocument(
    objects,
    statePath("exports"),
    z.strictObject({ exports: z.array(storedExport) }),
    {
      exports: [],
    },
  );
  return {
    all: async () => (await document.read()).exports,
    async find(tenant, id) {
      const found = (await document.read()).exports.find((kept) => kept.id === id && kept.tenant === tenant);
      if (found === undefined) throw new QueryApiError("not_found", `there is no export ${id}`);
      return found;
    },
    async add(kept) {
      await document.update(({ exports }) => {
        const full = whyFull(exports.filter(isUnfinished), kept.tenant, MAX_UNFINISHED, "exports wait");
        if (full !== null)
          throw new QueryApiError("rate_limited", full, {
            hint: "they are made one after the other: GET /v1/exports shows how far they are",
          });
        const finished = exports.filter((each) => !isUnfinished(each));
        const newest = newestOfEach(finished, MAX_KEPT);
        return { exports: [kept, ...exports.filter((each) => isUnfinished(each) || newest.has(each))] };
      });
    },
    async change(id, changes) {
      await document.update(({ exports }) => ({
        exports: exports.map((each) => (each.id === id ? { ...each, ...changes } : each)),
      }));
    },
    async rename(tenant, userId, label) {
      const isOf = (each: KeptExport) => each.tenant === tenant && each.filter.user === userId && !isUnfinished(each);
      await document.update((state) =>
        state.exports.some(isOf)
          ? {
              exports: state.exports.map((each) =>
                isOf(each) ? { ...each, filter: { ...each.filter, user: label } } : each,
              ),
            }
          : state,
      );
    },
  };
}

function bytesOf(text: string | null): Uint8Array | null {
  return text === null ? null : Buffer.from(text, "base64");
}

function base64(bytes: Uint8Array | null): string | null {
  return bytes && Buffer.from(bytes).toString("base64");
}

export function isUnfinished({ state }: KeptExport): boolean {
  return state === "pending" || state === "running";
}
