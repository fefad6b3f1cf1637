import {
  BUNDLE_FILES,
  type BundleManifest,
  bundledLogs,
  DIRECTORY,
  type Findings,
  logName,
  parseVerifierKey,
} from "@runledger/contract";
import type { DirectoryView } from "./bundle-anchors.ts";
import type { BundleLogCheck } from "./bundle-log.ts";
import { type DirectoryHead, isOtherThanNewest } from "./directory-head.ts";
import type { Trust } from "./trust.ts";

/** A directory takes heads once a minute; a bundle whose entries are this much younger than its head may hide a log that began since. */
const MAX_UNRECORDED_MS = 15 * 60_000;

const NO_DIRECTORY =
  "your policy names a directory of the logs, and nothing here shows which ones it knows. Export again a minute after the log's first record";
const LAST_NOT_SHOWN = "the directory's last entry, which names all logs, is not shown";
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
 * Is no log left out? Who was given the directory's key can tell: every log that it names must be in the bundle, unless one alone was asked for. Which
 * there are is told by the newest head that counts; what any other signed one tells of a log holds too.
 * @returns false after a finding that entries of other logs are missing.
 */
export function checkAllLogs(view: DirectoryView, bundle: LogsOfBundle, findings: Findings): boolean {
  const { manifest, trust, shard } = bundle;
  // By the name that its key signs: bundle.json may call any log so.
  const asked = bundledLogs(manifest).filter(({ origin }) => shard === null || logName(origin) === shard);
  if (shard !== null && asked.length === 0)
    findings.add("INCOMPLETE", `shard ${shard}`, "the bundle has nothing of it");
  if (!namesDirectory(trust)) return asked.length > 0 && untoldLogs(bundle).length === 0;
  const head = view.head?.counts === true ? view.head : null;
  const recorded = greatestOf(view.signed);
  checkSizes(recorded, asked, findings);
  if (head !== null && isOtherThanNewest(head)) findings.add("INCOMPLETE", BUNDLE_FILES.anchors, NOT_NEWEST);
  if (shard !== null) return asked.length > 0;
  const here = new Set(bundledLogs(manifest).map((log) => log.shard));
  const missing = checkNames(view.signed, recorded, here, findings);
  if (head === null || head.last === null) {
    const what = head === null ? whyNone(view, trust) : LAST_NOT_SHOWN;
    findings.add("INCOMPLETE", BUNDLE_FILES.anchors, `${what}; or name the one log that you want (--shard)`);
    return missing === 0;
  }
  const shown = new Set(head.recorded.map((each) => each.shard));
  for (const name of (head.last.shards ?? []).filter((each) => here.has(each) && !shown.has(each))) {
    const what = "the directory names it, and how many entries it has recorded of it is not shown";
    findings.add("INCOMPLETE", `shard ${name}`, what);
  }
  // Of a directory with one shard the last entry is that shard's newest; that there is one alone, it says, or is alone itself.
  const saysOne = shown.size === 1 && (head.last.shards !== undefined || head.size === 1);
  if (head.last.heads_sha256 === undefined && !saysOne) findings.add("INCOMPLETE", BUNDLE_FILES.anchors, NOT_COMMITTED);
  checkAge(head.last.recorded_time, bundle.logs, findings);
  return missing === 0;
}

/**
 * Logs whose keys the caller gave and that are not here, whatever a directory tells, which who holds its key can begin anew. No finding: a key tells neither
 * when its log began nor that it is of the same store.
 */
export function untoldLogs({ manifest, trust, shard }: Pick<LogsOfBundle, "manifest" | "trust" | "shard">): string[] {
  if (shard !== null) return [];
  const here = new Set(bundledLogs(manifest).map(({ origin }) => origin));
  const named = new Set(trust.verifierKeys.map((key) => parseVerifierKey(key).name));
  return [...named].filter((name) => !here.has(name) && !name.endsWith(`/${DIRECTORY}`));
}

function whyNone({ signed }: DirectoryView, { witnessed }: Trust): string {
  if (signed.length === 0) return NO_DIRECTORY;
  return `no head of the directory here is cosigned by the quorum ${witnessed?.quorum?.name} of witnesses that your policy asks for, so which logs there are is its own word alone`;
}

/** Of each shard the most entries that any of the heads says were recorded. */
function greatestOf(heads: readonly DirectoryHead[]): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const { shard, size } of heads.flatMap(({ recorded }) => recorded))
    sizes.set(shard, Math.max(size, sizes.get(shard) ?? 0));
  return sizes;
}

/** No log may be shorter than it was recorded. */
function checkSizes(
  recorded: ReadonlyMap<string, number>,
  logs: readonly { shard: string; tree_size: number }[],
  findings: Findings,
): void {
  for (const { shard, tree_size } of logs) {
    const entries = recorded.get(shard) ?? 0;
    if (entries <= tree_size) continue;
    const what = `the directory has recorded it with ${entries} entries, and the bundle is of its first ${tree_size}`;
    findings.add("INCOMPLETE", `shard ${shard}`, what);
  }
}

/** @returns how many logs are missing. */
function checkNames(
  heads: readonly DirectoryHead[],
  recorded: ReadonlyMap<string, number>,
  here: ReadonlySet<string>,
  findings: Findings,
): number {
  const named = heads.flatMap(({ last }) => last?.shards ?? []);
  const missing = [...new Set([...recorded.keys(), ...named])].filter((name) => !here.has(name));
  for (const name of missing) {
    const entries = recorded.has(name) ? ` with ${recorded.get(name)} entries` : "";
    const what = `the directory has recorded it${entries}, and the bundle has nothing of it; if you asked for one log alone, say so (--shard)`;
    findings.add("INCOMPLETE", `shard ${name}`, what);
  }
  return missing.length;
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
