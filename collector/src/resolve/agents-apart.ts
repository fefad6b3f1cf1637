import type { StepRow } from "@runledger/contract";
import { compare, type StepFact } from "./step-fact.ts";

/** Of a record that is no fact, what places facts. */
export type Link = Pick<StepRow, "step_id" | "parent_id" | "kind" | "agent_name">;

/** Of which spans others are, and which of them are agents. */
export interface RunTree {
  /** parent_id by step_id. */
  parents: ReadonlyMap<string, string>;
  /** The folded names of agents that tell one, by step_id. */
  agents: ReadonlyMap<string, string>;
}

/** The same for the same records, in any order. */
export function treeOf(links: readonly Link[]): RunTree {
  const ordered = links.toSorted((a, b) => compare(a.parent_id, b.parent_id) || compare(a.agent_name, b.agent_name));
  const agents = ordered.filter(isNamedAgent);
  return {
    parents: new Map(ordered.map(({ step_id, parent_id }) => [step_id, parent_id])),
    agents: new Map(agents.map(({ step_id, agent_name }) => [step_id, folded(agent_name)])),
  };
}

/** Instrumentations write one agent's name in their own ways: "Billing Agent", "billing_agent". */
function folded(name: string): string {
  return name.toLowerCase().replace(/[\s_.-]/g, "");
}

export function isNamedAgent({ kind, agent_name }: Pick<Link, "kind" | "agent_name">): boolean {
  return kind === "agent" && agent_name !== "";
}

/** Spans nested deeper are read as not nested. */
export const MAX_DEPTH = 100;

/**
 * Whether two records are of different agents: the nearest ones that they are in have different names, and neither is in the other. Two instrumentations
 * that tell of one agent name it alike, or one of them is within the other.
 */
export function createAgentsApart({ parents, agents }: RunTree): (a: StepFact, b: StepFact) => boolean {
  if (new Set(agents.values()).size < 2) return () => false;
  const linesOf = new Map<string, ReadonlySet<string>>();
  /** The agents that a record is in by its parent, the nearest first. */
  const lineOf = ({ parent_id }: StepFact) => {
    const line = linesOf.get(parent_id) ?? agentsFrom(parent_id);
    linesOf.set(parent_id, line);
    return line;
  };
  const agentsFrom = (stepId: string) => {
    const line = new Set<string>();
    let at = stepId;
    for (let depth = 0; at !== "" && depth < MAX_DEPTH; depth++) {
      if (agents.has(at)) line.add(at);
      at = parents.get(at) ?? "";
    }
    return line;
  };
  return (a, b) => {
    const [ofA, ofB] = [lineOf(a), lineOf(b)];
    const [[nearestA], [nearestB]] = [ofA, ofB];
    if (nearestA === undefined || nearestB === undefined || ofA.has(nearestB) || ofB.has(nearestA)) return false;
    return agents.get(nearestA) !== agents.get(nearestB);
  };
}
