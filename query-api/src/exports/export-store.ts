import { EXPORT_STATES, exportFilter, statePath } from "@runledger/contract";
import { createStateDocument, type Objects } from "@runledger/storage";
import { z } from "zod";
import { QueryApiError } from "../error.ts";

const count = z.number().int().nonnegative();
const MAX_KEPT = 200;
const MAX_UNFINISHED = 20;

/** An export as it is kept: enough to make it again after a restart, from the same checkpoint. */
const keptExport = z.strictObject({
  id: z.string(),
  tenant: z.string(),
  shard: z.string(),
  state: z.enum(EXPORT_STATES),
  /** Which instance makes it and has its file. */
  instance: z.string(),
  filter: exportFilter,
  recipient: z.string(),
  reason: z.string(),
  content: z.boolean(),
  since_checkpoint: count.nullable(),
  created_time: z.string(),
  exporter: z.strictObject({ key_id: z.string().nullable(), name: z.string() }),
  /** Base64 of the signed note that it is made from. */
  checkpoint: z.string(),
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

export interface ExportStore {
  /** Newest first. */
  all(): Promise<KeptExport[]>;
  find(tenant: string, id: string): Promise<KeptExport>;
  /** Durable when it resolves. @throws QueryApiError `rate_limited` when too many wait. */
  add(kept: KeptExport): Promise<void>;
  change(id: string, changes: Partial<KeptExport>): Promise<void>;
}

export function createExportStore(objects: Objects): ExportStore {
  const document = createStateDocument(
    objects,
    statePath("exports"),
    z.strictObject({ exports: z.array(keptExport) }),
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
        if (exports.filter(isUnfinished).length >= MAX_UNFINISHED) {
          throw new QueryApiError("rate_limited", `${MAX_UNFINISHED} exports wait already`, {
            hint: "they are made one after the other: GET /v1/exports shows how far they are",
          });
        }
        const old = exports.filter((each) => !isUnfinished(each)).slice(0, MAX_KEPT);
        return { exports: [kept, ...exports.filter((each) => isUnfinished(each) || old.includes(each))] };
      });
    },
    async change(id, changes) {
      await document.update(({ exports }) => ({
        exports: exports.map((each) => (each.id === id ? { ...each, ...changes } : each)),
      }));
    },
  };
}

export function isUnfinished({ state }: KeptExport): boolean {
  return state === "pending" || state === "running";
}
