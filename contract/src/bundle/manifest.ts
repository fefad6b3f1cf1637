import { z } from "zod";
import { LogError } from "../log/log-error.ts";
import { canonicalJson } from "../record/canonical-json.ts";
import { parseCanonicalLine } from "../record/parse-canonical-json.ts";
import { END_STATUSES, time } from "../record/record.ts";
import { MAX_BUNDLED_SHARD_CHARS, SHARD_IN_PATH } from "./bundle-path.ts";
import { byUtf8 } from "./utf8-order.ts";

export const BUNDLE_FORMAT = "runledger-bundle/1";
/** Of several logs: each below `logs/<shard>/`. */
export const BUNDLE_FORMAT_OF_SEVERAL = "runledger-bundle/2";

const text = z.string().max(4_096);
const count = z.number().int().nonnegative();
const bundledShard = z.string().max(MAX_BUNDLED_SHARD_CHARS).regex(SHARD_IN_PATH);

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

/** Who asked for what. */
const request = {
  export_id: text,
  created_time: text,
  exporter: z.strictObject({ key_id: text.nullable(), name: text }),
  recipient: text,
  reason: text.nullable(),
  /** Times as records have them: they are compared as texts, and no other text must pass for one. */
  filter: exportFilter.extend({ since: time.optional(), until: time.optional() }),
  tenant: text,
  content: z.boolean(),
  runs: count.nullable(),
  /** How `runs.json` and `summary.json` count (`CountingRules`). */
  sums: z.literal(2).optional(),
};
/** Which entries of a log. */
const selected = {
  selection: z.enum(["log", "range", "runs"]),
  range: z.tuple([count, count]).nullable(),
  hidden: count.nullable(),
  since_checkpoint: count.nullable(),
};
const manifestOfOne = z.strictObject({
  format: z.literal(BUNDLE_FORMAT),
  ...request,
  log: z.strictObject({ origin: text, shard: text, tree_size: count }),
  ...selected,
});
const manifestOfSeveral = z.strictObject({
  format: z.literal(BUNDLE_FORMAT_OF_SEVERAL),
  ...request,
  logs: z.array(z.strictObject({ origin: text, shard: bundledShard, tree_size: count, ...selected })).min(2),
});

/** `bundle.json` (docs/bundle.md): what was asked for, by whom, for whom. */
export const bundleManifest = z.discriminatedUnion("format", [manifestOfOne, manifestOfSeveral]);
export type BundleManifest = z.infer<typeof bundleManifest>;

/** A log of a bundle, and what of it was selected. */
export interface BundledLog {
  origin: string;
  shard: string;
  tree_size: number;
  selection: "log" | "range" | "runs";
  /** [first, end) with `log` and `range`. */
  range: [number, number] | null;
  /** How many entries of the range are of other tenants. */
  hidden: number | null;
  since_checkpoint: number | null;
}

/** Of one log its only one; of several in order of their shards. */
export function bundledLogs(manifest: BundleManifest): BundledLog[] {
  if (manifest.format === BUNDLE_FORMAT_OF_SEVERAL) return manifest.logs;
  const { log, selection, range, hidden, since_checkpoint } = manifest;
  return [{ ...log, selection, range, hidden, since_checkpoint }];
}

/** The manifest of a bundle of these logs, in order of their shards. */
export function manifestOf(
  asked: Omit<z.infer<typeof manifestOfOne>, "format" | "log" | "sums" | keyof typeof selected>,
  logs: readonly BundledLog[],
): BundleManifest {
  const [only] = logs;
  if (only === undefined || logs.length > 1)
    return { format: BUNDLE_FORMAT_OF_SEVERAL, sums: 2, ...asked, logs: [...logs] };
  const { origin, shard, tree_size, ...rest } = only;
  return { format: BUNDLE_FORMAT, sums: 2, ...asked, log: { origin, shard, tree_size }, ...rest };
}

export function formatManifest(manifest: BundleManifest): string {
  return `${canonicalJson(bundleManifest.parse(manifest))}\n`;
}

/** Null unless the bytes are a manifest as `formatManifest` writes it, with parts that fit one another. */
export function parseManifest(bytes: Uint8Array): BundleManifest | null {
  const parsed = bundleManifest.safeParse(parseLine(bytes));
  if (!parsed.success) return null;
  const logs = bundledLogs(parsed.data);
  const isByRun = parsed.data.runs !== null;
  const areApart = new Set(logs.map(({ origin }) => origin)).size === logs.length;
  const areOrdered = logs.every(({ shard }, i) => i === 0 || byUtf8(logs[i - 1]?.shard ?? "", shard) < 0);
  return areApart && areOrdered && logs.every((log) => fits(log, isByRun)) ? parsed.data : null;
}

function fits({ selection, range, hidden, tree_size }: BundledLog, isByRun: boolean): boolean {
  if (selection === "runs") return isByRun && range === null && hidden === null;
  if (isByRun || range === null || hidden === null) return false;
  const [first, end] = range;
  if (selection === "log") return first === 0 && end === tree_size && hidden === 0;
  return first <= end && end <= tree_size;
}

function parseLine(bytes: Uint8Array): unknown {
  try {
    return parseCanonicalLine(bytes);
  } catch (error) {
    if (error instanceof LogError) return undefined; // no manifest, as the schema will find
    throw error;
  }
}
