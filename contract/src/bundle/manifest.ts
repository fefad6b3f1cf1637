import { z } from "zod";
import { canonicalJson } from "../record/canonical-json.ts";
import { END_STATUSES } from "../record/record.ts";

export const BUNDLE_FORMAT = "runledger-bundle/1";

const text = z.string().max(4_096);
const count = z.number().int().nonnegative();

/** What an export selects by. `since` and `until` are of `received_time`; all others are of runs. */
export const exportFilter = z.strictObject({
  since: text.optional().describe("RFC 3339; received at or after"),
  until: text.optional().describe("RFC 3339; received before"),
  agent: text.optional(),
  task_type: text.optional(),
  session: text.optional(),
  user: text.optional(),
  run_id: text.optional(),
  status: z.enum(END_STATUSES).optional().describe("as the run's end says it"),
  outcome: text.optional().describe("as the run's end says it"),
});
export type ExportFilter = z.infer<typeof exportFilter>;

/** `bundle.json` (docs/bundle.md): what was asked for, by whom, for whom. */
export const bundleManifest = z.strictObject({
  format: z.literal(BUNDLE_FORMAT),
  export_id: text,
  created_time: text,
  exporter: z.strictObject({ key_id: text.nullable(), name: text }),
  recipient: text,
  reason: text.nullable(),
  filter: exportFilter,
  tenant: text,
  content: z.boolean(),
  log: z.strictObject({ origin: text, shard: text, tree_size: count }),
  selection: z.enum(["log", "range", "runs"]),
  range: z.tuple([count, count]).nullable(),
  runs: count.nullable(),
  hidden: count.nullable(),
  since_checkpoint: count.nullable(),
});
export type BundleManifest = z.infer<typeof bundleManifest>;

export function formatManifest(manifest: BundleManifest): string {
  return `${canonicalJson(manifest)}\n`;
}

/** Null unless the text is a manifest as `formatManifest` writes it, with parts that fit one another. */
export function parseManifest(text: string): BundleManifest | null {
  const parsed = bundleManifest.safeParse(parseJson(text));
  if (!parsed.success || formatManifest(parsed.data) !== text) return null;
  const { selection, range, runs, hidden, log } = parsed.data;
  const [first, end] = range ?? [0, 0];
  const fits =
    selection === "runs"
      ? range === null && runs !== null && hidden === null
      : range !== null && runs === null && hidden !== null && first <= end && end <= log.tree_size;
  const isWhole = selection !== "log" || (first === 0 && end === log.tree_size && hidden === 0);
  return fits && isWhole ? parsed.data : null;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // no manifest, as the schema will find
  }
}
