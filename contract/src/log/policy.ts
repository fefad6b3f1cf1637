import { LogError } from "./log-error.ts";
import { parseVerifierKey } from "./signed-note.ts";

/** How many words follow each keyword, at least and at most. */
const LINES: Record<string, [number, number]> = {
  log: [1, 2],
  witness: [2, 3],
  group: [3, Number.POSITIVE_INFINITY],
  quorum: [1, 1],
};

/**
 * The verifier keys of the logs that a policy trusts: https://c2sp.org/tlog-policy. A quorum of witnesses can't be checked yet,
 * so a policy that asks for one is refused: ignoring it would call verified what its author does not.
 * @throws LogError `malformed`, naming the line.
 */
export function policyLogs(policy: string): string[] {
  const logs: string[] = [];
  const quorums: string[] = [];
  for (const [index, line] of policy.split("\n").entries()) {
    const [keyword, ...words] = line.split(/[ \t]+/).filter((word) => word !== "");
    if (keyword === undefined || keyword.startsWith("#")) continue;
    const [least, most] = LINES[keyword] ?? [1, 0];
    const [first = ""] = words;
    if (words.length < least || words.length > most || (keyword === "log" && !isVerifierKey(first))) {
      throw new LogError(
        "malformed",
        `line ${index + 1} of the policy is none of a tlog-policy: ${line.slice(0, 100)}`,
      );
    }
    if (keyword === "log") logs.push(first);
    if (keyword === "quorum") quorums.push(first);
  }
  const [quorum, ...more] = quorums;
  if (quorum === undefined || more.length > 0)
    throw new LogError("malformed", "a policy has exactly one `quorum` line");
  if (quorum !== "none")
    throw new LogError("malformed", `the policy asks for the quorum ${quorum}; witnesses can't be checked yet`);
  if (logs.length === 0) throw new LogError("malformed", "the policy has no line `log <verifier key>`");
  return logs;
}

function isVerifierKey(text: string): boolean {
  try {
    parseVerifierKey(text);
    return true;
  } catch (error) {
    if (error instanceof LogError) return false;
    throw error;
  }
}
