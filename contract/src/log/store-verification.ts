import type { Anchors } from "./anchors.ts";
import { formatRuns, type RunsSummary, unclosedLines } from "./run-completeness.ts";
import { type Finding, formatVerification, type LogVerification, type Verdict } from "./verification.ts";

export interface StoreVerification {
  verdict: Verdict;
  entriesChecked: number;
  payloadsChecked: number | null;
  /** Each shard's, in order of names; their findings are repeated below. */
  logs: LogVerification[];
  /** Null: no key of the caller's is a directory's. */
  directory: DirectorySummary | null;
  runs: RunsSummary;
  /** What the verdict does not cover, in plain words. */
  notes: string[];
  /** The first ones. `where` begins with the shard's name where there are several. */
  findings: Finding[];
  findingsTotal: number;
}

export interface DirectorySummary {
  origin: string;
  treeSize: number;
  /** Shards that it names. */
  shards: string[];
  witnessed: Anchors["witnessed"];
  stamped: Anchors["stamped"];
  cosignedChecked: number;
  timestampsChecked: number | null;
}

/** The verification as lines for a person: each shard's, and what others attest. */
export function formatStoreVerification({
  verdict,
  logs,
  directory,
  runs,
  notes,
  findings,
  findingsTotal,
}: StoreVerification): string {
  const blocks = logs.map((log) => formatVerification({ ...log, findings: [], findingsTotal: 0 }));
  const [only] = logs;
  const head =
    logs.length === 1 && only !== undefined
      ? `${verdict}  ${only.origin ?? "no log"}\n`
      : `${verdict}  ${logs.length} logs\n`;
  const shown =
    logs.length === 1
      ? blocks.map((block) => block.slice(block.indexOf("\n") + 1))
      : blocks.map((block) => `  ${block}`);
  const lines = findings.map((finding) => `  ${finding.verdict}  ${finding.where}: ${finding.what}\n`);
  if (findingsTotal > findings.length) lines.push(`  … and ${findingsTotal - findings.length} more\n`);
  const ofRuns = [`  runs         ${formatRuns(runs)}\n`, ...unclosedLines(runs).map((line) => `${line}\n`)];
  const ofNotes = notes.map((note) => `  note         ${note}\n`);
  return [head, ...shown, ...ofRuns, ...directoryLines(directory), ...ofNotes, ...lines].join("");
}

function directoryLines(directory: DirectorySummary | null): string[] {
  if (directory === null) return ["  directory    not looked at: no key that you gave is one's\n"];
  const { witnessed, stamped } = directory;
  const by =
    witnessed &&
    `${witnessed.by.join(", ")}, ${new Date(witnessed.time * 1000).toISOString()}, head of size ${witnessed.size}`;
  const at = stamped && `${stamped.time}, head of size ${stamped.size} (${directory.timestampsChecked} checked)`;
  return [
    `  directory    ${directory.treeSize} entries, shards ${directory.shards.join(", ") || "none"}\n`,
    `  witnesses    ${by ?? "no quorum asked for, or none reached"}\n`,
    `  time stamps  ${at ?? (directory.timestampsChecked === null ? "not looked at: no TSA of yours is named" : "none")}\n`,
  ];
}
