import { createAgentsApart, MAX_DEPTH, type RunTree } from "./agents-apart.ts";
import { type CallRules, within } from "./same-call.ts";
import { inOrder, notBefore, type StepFact, sourceOf } from "./step-fact.ts";

/** One call, and every record that tells of it. */
export interface Call {
  counts: StepFact;
  /** In order of time, `counts` among them. */
  members: StepFact[];
  /** Records that only sum up several calls, this one the last of them. */
  summaries: StepFact[];
}

/** Calls at one moment that siblings are looked for among. */
const MAX_AT_ONCE = 64;
/** More records than these are not taken for one call. */
export const MAX_RECORDS_OF_CALL = 32;

/**
 * The calls that these records tell of, in order; the same for the same set of records. `tree`: of every record of the run that is known.
 * Records of one span are one call; nested and concurrent ones are when the rules say so.
 */
export function callsOf(facts: readonly StepFact[], tree: RunTree, rules: CallRules): Call[] {
  const ordered = facts.toSorted(inOrder);
  const spans = new Map<string, StepFact>();
  for (const fact of ordered) if (!spans.has(fact.step_id)) spans.set(fact.step_id, fact);
  const groups = createGroups(ordered);
  const lines = new Map([...spans.values()].map((fact) => [fact, ancestorsOf(fact, spans, tree.parents)]));
  const depth = (fact: StepFact) => lines.get(spans.get(fact.step_id) ?? fact)?.length ?? 0;

  const best = (members: readonly StepFact[]) =>
    members.reduce((one, other) => {
      const better = rules.knowledge(other) - rules.knowledge(one) || depth(other) - depth(one);
      return better > 0 ? other : one;
    });
  const summaries = new Map<StepFact, StepFact>();
  for (const [outer, inner] of nestedCalls(lines)) {
    const below = [...new Set(inner.filter((one) => within(one, outer)).map((one) => groups.of(one)))]
      .filter((members) => !members.includes(outer))
      .map(best)
      .filter((one) => rules.compatible(outer, one))
      .sort(inOrder);
    const told = rules.toldOf(outer, below);
    const last = below.at(-1);
    const summed = told === "sum" ? last : told === null ? undefined : summaries.get(told);
    if (summed !== undefined) summaries.set(outer, summed);
    else if (told !== null && told !== "sum") groups.join(outer, told);
  }
  const areOfTwoAgents = createAgentsApart(tree);
  const areApart = (a: StepFact, b: StepFact) => !rules.haveSameId(a, b) && areOfTwoAgents(a, b);
  joinSiblings(ordered, rules, groups, { nested: (a, b) => isAncestor(a, b) || isAncestor(b, a), areApart });
  return finish(groups, best, summaries);

  function isAncestor(a: StepFact, b: StepFact): boolean {
    return lines.get(spans.get(b.step_id) ?? b)?.some((one) => one.step_id === a.step_id) ?? false;
  }
}

function finish(
  groups: Groups,
  best: (members: readonly StepFact[]) => StepFact,
  summaries: ReadonlyMap<StepFact, StepFact>,
): Call[] {
  const calls = new Map<StepFact[], Call>();
  for (const members of groups.all()) {
    const real = members.filter((one) => !summaries.has(one));
    if (real.length > 0) calls.set(members, { counts: best(real), members: real, summaries: [] });
  }
  for (const [summary, last] of summaries) {
    // A summary of summaries ends at a call: each step goes one span down.
    let at = last;
    for (let next = summaries.get(at); next !== undefined; next = summaries.get(at)) at = next;
    calls.get(groups.of(at))?.summaries.push(summary);
  }
  return [...calls.values()].sort((a, b) => inOrder(a.counts, b.counts));
}

/** The calls that `fact` is in, the nearest first. */
function ancestorsOf(
  fact: StepFact,
  spans: ReadonlyMap<string, StepFact>,
  parents: ReadonlyMap<string, string>,
): StepFact[] {
  const found: StepFact[] = [];
  const seen = new Set([fact.step_id]);
  let at = fact.parent_id;
  while (at !== "" && !seen.has(at) && seen.size < MAX_DEPTH) {
    seen.add(at);
    const call = spans.get(at);
    if (call !== undefined) found.push(call);
    at = call?.parent_id ?? parents.get(at) ?? "";
  }
  return found;
}

/** Every call with calls directly below it, the innermost first. */
function nestedCalls(lines: ReadonlyMap<StepFact, readonly StepFact[]>): [StepFact, StepFact[]][] {
  const below = new Map<StepFact, StepFact[]>();
  for (const [fact, [nearest]] of lines) {
    if (nearest === undefined) continue;
    const known = below.get(nearest);
    if (known === undefined) below.set(nearest, [fact]);
    else known.push(fact);
  }
  const depth = (fact: StepFact) => lines.get(fact)?.length ?? 0;
  return [...below].sort(([a], [b]) => depth(b) - depth(a) || inOrder(a, b));
}

/** Each record joins the earliest call that another instrumentation told of with the same key and at the same time; never two of one instrumentation, or of two agents. */
function joinSiblings(
  ordered: readonly StepFact[],
  rules: CallRules,
  groups: Groups,
  { nested, areApart }: Record<"nested" | "areApart", (a: StepFact, b: StepFact) => boolean>,
): void {
  const underWay = new Map<string, StepFact[]>();
  for (const fact of ordered) {
    for (const key of rules.siblingKeys(fact)) {
      const open = (underWay.get(key) ?? []).filter((one) => notBefore(one.end_time, fact.start_time));
      underWay.set(key, [...open.slice(-MAX_AT_ONCE + 1), fact]);
      const other = open.find((one) => {
        const told = groups.of(one);
        if (told.length >= MAX_RECORDS_OF_CALL || !rules.siblings(one, fact) || nested(one, fact)) return false;
        const own = groups.of(fact);
        const sources = new Set(own.map(sourceOf));
        return told.every((member) => !sources.has(sourceOf(member)) && !own.some((mine) => areApart(member, mine)));
      });
      if (other !== undefined) groups.join(fact, other);
    }
  }
}

interface Groups {
  of(fact: StepFact): StepFact[];
  join(a: StepFact, b: StepFact): void;
  all(): StepFact[][];
}

/** At first the records of one span are together. */
function createGroups(ordered: readonly StepFact[]): Groups {
  const groupOf = new Map<StepFact, StepFact[]>();
  for (const members of Map.groupBy(ordered, ({ step_id }) => step_id).values()) {
    for (const fact of members) groupOf.set(fact, members);
  }
  const of = (fact: StepFact) => groupOf.get(fact) ?? [fact];
  return {
    of,
    join(a, b) {
      const [some, others] = [of(a), of(b)];
      if (some === others || some.length + others.length > MAX_RECORDS_OF_CALL) return;
      const joined = [...some, ...others].sort(inOrder);
      for (const fact of joined) groupOf.set(fact, joined);
    },
    all: () => [...new Set(groupOf.values())],
  };
}
