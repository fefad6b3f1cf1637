import { type Cosigner, parseCosignerKey } from "./cosignature.ts";
import { LogError } from "./log-error.ts";
import { parseVerifierKey } from "./signed-note.ts";

/** Whom somebody trusts: https://c2sp.org/tlog-policy. */
export interface TrustPolicy {
  /** Verifier keys of the logs. */
  logs: string[];
  witnesses: PolicyWitness[];
  /** Whose cosignatures a head needs; null: nobody's. */
  quorum: QuorumRule | null;
}

export interface PolicyWitness {
  /** Within the policy. */
  name: string;
  cosigner: Cosigner;
  /** Where it takes checkpoints (https://c2sp.org/tlog-witness, "submission prefix"), without a slash at its end; null: not told. */
  url: string | null;
}

/** One witness, or `threshold` of some rules. */
export type QuorumRule = PolicyWitness | { name: string; threshold: number; members: QuorumRule[] };

const MAX_POLICY_BYTES = 1_000_000;
/** Of groups within groups. */
const MAX_DEPTH = 100;
const KEYWORDS = ["log", "witness", "group", "quorum"];

/** By its bytes: what is no ASCII is opaque ("Character set"). @throws LogError `malformed`, naming the line. */
export function parsePolicy(file: string | Uint8Array): TrustPolicy {
  const policy: TrustPolicy = { logs: [], witnesses: [], quorum: null };
  const parser = createParser(policy);
  const bytes = Buffer.from(file);
  if (bytes.length > MAX_POLICY_BYTES) throw new LogError("malformed", "the policy is too large");
  for (const [index, line] of bytes.toString("latin1").split("\n").entries()) {
    const [keyword, ...words] = line.split(/[ \t]+/).filter((word) => word !== "");
    if (keyword === undefined || keyword.startsWith("#")) continue;
    const fault = hasForbiddenCharacters(line) ? "it has a control character" : parser.take(keyword, words);
    if (fault === null) continue;
    const shown = utf8(line)
      .slice(0, 100)
      .replaceAll(/\p{Cc}/gu, "?");
    throw new LogError(
      "malformed",
      `line ${index + 1} of the policy is none of a tlog-policy: ${utf8(fault)}: ${shown}`,
    );
  }
  if (!parser.hasQuorum()) throw new LogError("malformed", "a policy has exactly one `quorum` line");
  return policy;
}

/** The logs' keys of a policy, for what has no cosignatures to show. @throws LogError `malformed`, also when the policy asks for a quorum. */
export function policyLogs(file: string | Uint8Array): string[] {
  const { logs, quorum } = parsePolicy(file);
  if (quorum !== null)
    throw new LogError(
      "malformed",
      `the policy asks for the quorum ${quorum.name}; no witness signed what is checked here`,
    );
  if (logs.length === 0) throw new LogError("malformed", "the policy has no line `log <verifier key>`");
  return logs;
}

/**
 * When a quorum cosigned, by `times` of its witnesses (as `cosignersOf` tells them); null: they are none. `reached`: the least time by which those who had are
 * one. `newest`: the greatest since which those who have are one. So who is outside of the quorum, or fewer than it asks for, can move neither beyond what the others say.
 */
export function quorumTimes(
  rule: QuorumRule,
  times: ReadonlyMap<Cosigner, number>,
): { reached: number; newest: number } | null {
  const reached = leastTime(rule, (cosigner) => times.get(cosigner) ?? Number.POSITIVE_INFINITY);
  const newest = -leastTime(rule, (cosigner) => -(times.get(cosigner) ?? Number.NEGATIVE_INFINITY));
  return Number.isFinite(reached) ? { reached, newest } : null;
}

/** Each is a member of one group at most, so a group's time is that of the member with which it has enough. */
function leastTime(rule: QuorumRule, timeOf: (cosigner: Cosigner) => number): number {
  if ("cosigner" in rule) return timeOf(rule.cosigner);
  const times = rule.members.map((member) => leastTime(member, timeOf)).sort((a, b) => a - b);
  return times[rule.threshold - 1] ?? Number.POSITIVE_INFINITY;
}

/** Is it enough that these have cosigned? */
export function isQuorum(rule: QuorumRule | null, cosigned: (witness: PolicyWitness) => boolean): boolean {
  if (rule === null) return true;
  if ("cosigner" in rule) return cosigned(rule);
  return rule.members.filter((member) => isQuorum(member, cosigned)).length >= rule.threshold;
}

/** Takes a policy line by line. A fault is told in words. */
function createParser(policy: TrustPolicy) {
  const rules = new Map<string, QuorumRule>();
  const members = new Set<string>();
  /** Of the groups. */
  const depths = new Map<string, number>();
  const keys = { log: new Set<string>(), witness: new Set<string>() };
  let hasQuorum = false;

  const define = (name: string, rule: QuorumRule): string | null => {
    if (name === "none" || rules.has(name)) return `the name ${name} is taken`;
    rules.set(name, rule);
    return null;
  };
  const isSecond = (set: Set<string>, publicKey: string): boolean => set.size === set.add(publicKey).size;

  const take: Record<string, (words: string[]) => string | null> = {
    log: ([word = "", , ...more]) => {
      const key = utf8(word);
      const publicKey = logKeyOf(key);
      if (publicKey === null || more.length > 0) return "`log <verifier key> [<url>]` is expected";
      if (isSecond(keys.log, publicKey)) return "there is a log with this key already";
      policy.logs.push(key);
      return null;
    },
    witness: ([name = "", key = "", url, ...more]) => {
      const cosigner = cosignerOf(utf8(key));
      if (typeof cosigner === "string" || more.length > 0)
        return typeof cosigner === "string" ? cosigner : "`witness <name> <verifier key> [<url>]` is expected";
      if (isSecond(keys.witness, Buffer.from(cosigner.publicKey).toString("hex")))
        return "there is a witness with this key already";
      const witness = { name: utf8(name), cosigner, url: url === undefined ? null : utf8(url).replace(/\/+$/, "") };
      policy.witnesses.push(witness);
      return define(name, witness);
    },
    group: ([name = "", threshold = "", ...names]) => {
      const found = names.map((member) => rules.get(member));
      const of = names.length;
      const least = threshold === "all" ? of : threshold === "any" ? 1 : decimal(threshold);
      if (of === 0 || least < 1 || least > of)
        return "`group <name> all|any|<k> <member>…` is expected, with 1 <= k <= members";
      for (const [i, member] of names.entries()) {
        if (found[i] === undefined) return `${member} is not defined before it`;
        if (members.has(member)) return `${member} is a member already`;
        members.add(member);
      }
      const depth = 1 + names.reduce((most, member) => Math.max(most, depths.get(member) ?? 0), 0);
      if (depth > MAX_DEPTH) return `groups nest ${MAX_DEPTH} deep at most`;
      depths.set(name, depth);
      const rule = { name: utf8(name), threshold: least, members: found.filter((member) => member !== undefined) };
      return define(name, rule);
    },
    quorum: ([name = "", ...more]) => {
      if (hasQuorum) return "a policy has exactly one `quorum` line";
      const rule = rules.get(name);
      if (more.length > 0 || (rule === undefined && name !== "none"))
        return "`quorum none|<a name defined before it>` is expected";
      hasQuorum = true;
      policy.quorum = rule ?? null;
      return null;
    },
  };
  return {
    take: (keyword: string, words: string[]) =>
      (KEYWORDS.includes(keyword) ? take[keyword]?.(words) : `there is no keyword ${keyword}`) ?? null,
    hasQuorum: () => hasQuorum,
  };
}

/** Of the bytes of a word, a character each. */
function utf8(word: string): string {
  return Buffer.from(word, "latin1").toString();
}

/** 0 when it is none: no threshold is. */
function decimal(text: string): number {
  return /^[1-9]\d{0,8}$/.test(text) ? Number(text) : 0;
}

function logKeyOf(text: string): string | null {
  try {
    parseVerifierKey(text);
    return keyPartOf(text);
  } catch (error) {
    if (error instanceof LogError) return null;
    throw error;
  }
}

/** The cosigner, or what is wrong with its key. */
function cosignerOf(text: string): Cosigner | string {
  const type = Buffer.from(keyPartOf(text), "base64")[0];
  if (type === 6) return "cosignatures with ML-DSA-44 are not checked yet: name the witness's Ed25519 key (type 0x04)";
  try {
    return parseCosignerKey(text);
  } catch (error) {
    if (error instanceof LogError) return "a witness's verifier key has the type 0x04 (cosignature/v1)";
    throw error;
  }
}

/** What stands behind the second plus of a verifier key: base64, which may have a plus of its own. */
function keyPartOf(text: string): string {
  return text.split("+").slice(2).join("+");
}

/** https://c2sp.org/tlog-policy, "Character set". */
function hasForbiddenCharacters(line: string): boolean {
  return [...line].some((character) => (character < " " && character !== "\t") || character === "\u007f");
}
