import {
  BUNDLE_FILES,
  type BundleManifest,
  bundledLogs,
  byUtf8,
  DIRECTORY,
  type Findings,
  headsHash,
  logName,
} from "@runledger/contract";
import type { DirectoryHead, DirectoryView } from "./bundle-anchors.ts";
import type { BundleLogCheck } from "./bundle-log.ts";
import type { Trust } from "./trust.ts";

/** A directory takes heads once a minute; a bundle whose entries are this much younger than its head may hide a log that began since. */
const MAX_UNRECORDED_MS = 15 * 60_000;

const NOT_COMMITTED =
  "the directory's last entry has no heads_sha256, as those of earlier versions: that each log is shown as it was last recorded does not show. Export again when a log has grown, or name the one log that you want (--shard)";
const NOT_NEWEST =
  "these are not the newest heads that the directory had recorded by its last entry: a log may be shown as it was earlier, or be left out";

interface LogsOfBundle {
  manifest: BundleManifest;
  logs: readonly BundleLogCheck[];
  trust: Trust;
  /** The one log that the caller asked for. */
  shard: string | null;
}

/**
 * Is no log left out? Who was given the directory's key can tell: every log that it names must be in the bundle, unless one alone was asked for.
 * @returns false after a finding that entries of other logs are missing.
 */
export function checkAllLogs(view: DirectoryView, bundle: LogsOfBundle, findings: Findings): boolean {
  const { manifest, trust, shard } = bundle;
  const here = new Set(bundledLogs(manifest).map((log) => log.shard));
  // By the name that its key signs: bundle.json may call any log so.
  const asked = bundledLogs(manifest).filter(({ origin }) => shard === null || logName(origin) === shard);
  if (shard !== null && asked.length === 0)
    findings.add("INCOMPLETE", `shard ${shard}`, "the bundle has nothing of it");
  if (!namesDirectory(trust)) return asked.length > 0;
  const head = view.head?.isSigned === true ? view.head : null;
  if (head !== null) checkNewest(head, asked, findings);
  if (shard !== null) return asked.length > 0;
  if (head === null || head.last === null) {
    const what =
      head === null
        ? "your policy names a directory of the logs, and nothing here shows which ones it knows. Export again a minute after the log's first record"
        : "the directory's last entry, which names all logs, is not shown";
    findings.add("INCOMPLETE", BUNDLE_FILES.anchors, `${what}; or name the one log that you want (--shard)`);
    return true;
  }
  const recorded = new Map(head.shards.map((each) => [each.shard, each.size]));
  const missing = [...new Set([...recorded.keys(), ...(head.last.shards ?? [])])].filter((name) => !here.has(name));
  for (const name of missing) {
    const entries = recorded.has(name) ? ` with ${recorded.get(name)} entries` : "";
    const what = `the directory has recorded it${entries}, and the bundle has nothing of it; if you asked for one log alone, say so (--shard)`;
    findings.add("INCOMPLETE", `shard ${name}`, what);
  }
  const isUnshown = (name: string): boolean => here.has(name) && !recorded.has(name);
  for (const name of (head.last.shards ?? []).filter(isUnshown)) {
    const what = "the directory names it, and how many entries it has recorded of it is not shown";
    findings.add("INCOMPLETE", `shard ${name}`, what);
  }
  // Of a directory with one shard the last entry is that shard's newest.
  if (head.last.heads_sha256 === undefined && recorded.size > 1)
    findings.add("INCOMPLETE", BUNDLE_FILES.anchors, NOT_COMMITTED);
  checkAge(head.last.recorded_time, bundle.logs, findings);
  return missing.length === 0;
}

/** What is shown of the directory must be the newest that it recorded of each log, and no log shorter than that. */
function checkNewest(
  head: DirectoryHead,
  logs: readonly { shard: string; tree_size: number }[],
  findings: Findings,
): void {
  const recorded = new Map(head.shards.map(({ shard, size }) => [shard, size]));
  for (const { shard, tree_size } of logs) {
    const entries = recorded.get(shard) ?? 0;
    if (entries <= tree_size) continue;
    const what = `the directory has recorded it with ${entries} entries, and the bundle is of its first ${tree_size}`;
    findings.add("INCOMPLETE", `shard ${shard}`, what);
  }
  if (isOtherThanNewest(head)) findings.add("INCOMPLETE", BUNDLE_FILES.anchors, NOT_NEWEST);
}

/** By its last entry there is no shard that is not shown. */
export function namesAll(head: DirectoryHead): boolean {
  return (head.last?.heads_sha256 ?? head.last?.shards) !== undefined && !isOtherThanNewest(head);
}

function isOtherThanNewest({ last, shards }: DirectoryHead): boolean {
  if (last?.heads_sha256 === undefined) return false;
  const heads = shards.map(({ shard, size }): [string, number] => [shard, size]);
  return last.heads_sha256 !== headsHash(heads.sort(([a], [b]) => byUtf8(a, b)));
}

/** A key of the caller's is a directory's: it is known by its name. */
export function namesDirectory({ verifierKeys }: Trust): boolean {
  return verifierKeys.some((key) => key.split("+")[0]?.endsWith(`/${DIRECTORY}`) === true);
}

function checkAge(recordedTime: string, logs: readonly BundleLogCheck[], findings: Findings): void {
  const newest = logs.map(({ entries }) => entries.newestReceived).reduce((a, b) => (a > b ? a : b), "");
  if (newest === "" || Date.parse(newest) - Date.parse(recordedTime) <= MAX_UNRECORDED_MS) return;
  const what = `its newest head of the directory is of ${recordedTime}, and there are entries of ${newest}: a log that was begun between them would not show. Export again a minute after the newest record`;
  findings.add("INCOMPLETE", BUNDLE_FILES.anchors, what);
}
