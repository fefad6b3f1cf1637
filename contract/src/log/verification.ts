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
  readonly list: Finding[];
  readonly total: number;
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
    // What was changed stays changed, whatever could not be read after it; who signed outweighs what is missing.
    verdict: () =>
      (["TAMPERED", "UNREADABLE", "UNTRUSTED", "INCOMPLETE"] as const).find((verdict) => found.has(verdict)) ??
      "VERIFIED",
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
    `  payloads     ${verification.payloadsChecked ?? unlooked}`,
    `  checkpoints  ${verification.checkpointsChecked ?? unlooked}`,
    ...findings.map((finding) => `  ${finding.verdict}  ${finding.where}: ${finding.what}`),
  ];
  if (findingsTotal > findings.length) lines.push(`  … and ${findingsTotal - findings.length} more`);
  return `${lines.join("\n")}\n`;
}
