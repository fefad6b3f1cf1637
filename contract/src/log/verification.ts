import type { SealedPayloads } from "./unopened-payloads.ts";

/** What a verification says. UNREADABLE: there is no log here, or its store can't be read. */
export type Verdict = "VERIFIED" | "TAMPERED" | "INCOMPLETE" | "UNTRUSTED" | "UNREADABLE";

/** Exit codes of `runledger verify`. */
export const VERDICT_EXIT_CODES: Record<Verdict, number> = {
  VERIFIED: 0,
  TAMPERED: 1,
  INCOMPLETE: 2,
  UNTRUSTED: 3,
  UNREADABLE: 4,
};

/** One thing that is wrong: where (an object's path, or an entry), and what. */
export interface Finding {
  verdict: Exclude<Verdict, "VERIFIED">;
  where: string;
  what: string;
}

export interface LogVerification {
  verdict: Verdict;
  /** The log's name as its checkpoint has it; null when there is none to read. */
  origin: string | null;
  treeSize: number;
  /** Base64, as the checkpoint has it. */
  rootHash: string | null;
  /** Names of the caller's keys that signed. */
  signedBy: string[];
  entriesChecked: number;
  /** References to payloads that were followed; null when payloads were not looked at. */
  payloadsChecked: number | null;
  /** Of those, the sealed ones that could not be opened: erased, expired, or no key was given; null as above. */
  sealedPayloads: SealedPayloads | null;
  /** Stored checkpoints that were compared; null when they could not be listed. */
  checkpointsChecked: number | null;
  /** The first MAX_FINDINGS. */
  findings: Finding[];
  findingsTotal: number;
}

const MAX_FINDINGS = 100;

/** Collects findings in bounded memory. */
export interface Findings {
  add(verdict: Finding["verdict"], where: string, what: string): void;
  /** The first MAX_FINDINGS: what a verdict depends on, ask of `has`. */
  readonly list: Finding[];
  readonly total: number;
  has(verdict: Finding["verdict"]): boolean;
  verdict(): Verdict;
}

export function createFindings(): Findings {
  const list: Finding[] = [];
  const found = new Set<Verdict>();
  let total = 0;
  return {
    add: (verdict, where, what) => {
      found.add(verdict);
      total++;
      if (list.length < MAX_FINDINGS) list.push({ verdict, where, what });
    },
    list,
    get total() {
      return total;
    },
    has: (verdict) => found.has(verdict),
    // What was changed stays changed, whatever could not be read after it; who signed outweighs what is missing.
    verdict: () =>
      (["TAMPERED", "UNREADABLE", "UNTRUSTED", "INCOMPLETE"] as const).find((verdict) => found.has(verdict)) ??
      "VERIFIED",
  };
}

/** What is found in a part: its places begin with the part's name. */
export function findingsWithin(findings: Findings, name: string): Findings {
  return {
    ...findings,
    get total() {
      return findings.total;
    },
    add: (verdict, where, what) => findings.add(verdict, `${name}: ${where}`, what),
  };
}

/** The verification as lines for a person. */
export function formatVerification(verification: LogVerification): string {
  const { verdict, origin, treeSize, rootHash, signedBy, findings, findingsTotal } = verification;
  const unlooked = "not looked at";
  const lines = [
    `${verdict}  ${origin ?? "no log"}`,
    `  entries      ${verification.entriesChecked} of ${treeSize} checked`,
    `  root         ${rootHash ?? "-"}`,
    `  signed by    ${signedBy.join(", ") || "no key that you gave"}`,
    `  payloads     ${verification.payloadsChecked ?? unlooked}${sealedWords(verification.sealedPayloads)}`,
    `  checkpoints  ${verification.checkpointsChecked ?? unlooked}`,
    ...destructionLines(verification.sealedPayloads),
    ...findings.map((finding) => `  ${finding.verdict}  ${finding.where}: ${finding.what}`),
  ];
  if (findingsTotal > findings.length) lines.push(`  … and ${findingsTotal - findings.length} more`);
  return `${lines.join("\n")}\n`;
}

function sealedWords(sealed: SealedPayloads | null): string {
  if (sealed === null) return "";
  const { unopened, erased, expired } = sealed;
  const words = [
    unopened > 0 ? `${unopened} sealed and not opened, for want of keys` : "",
    erased > 0 ? `${erased} erased` : "",
    expired > 0 ? `${expired} expired` : "",
  ].filter((word) => word !== "");
  return words.length === 0 ? "" : ` (${words.join(", ")})`;
}

const MAX_DESTRUCTION_LINES = 20;

/** The name, the reason: from the log, and so what its writers said. */
function destructionLines(sealed: SealedPayloads | null): string[] {
  const all = sealed?.destructions ?? [];
  const lines = all.slice(0, MAX_DESTRUCTION_LINES).map(({ action, by, logIndex, shard, time, reason, payloads }) => {
    const what = action === "erasure" ? "erased" : "expired";
    return `  ${what.padEnd(12)} ${payloads} payloads, by ${by}, at index ${logIndex}${shard === undefined ? "" : ` of ${shard}`}, ${time.slice(0, 19)}Z${reason === null ? "" : `: ${reason}`}`;
  });
  return all.length > lines.length ? [...lines, `  … and ${all.length - lines.length} more erasures`] : lines;
}
