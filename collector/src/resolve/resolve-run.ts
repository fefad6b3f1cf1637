import type { RunTree } from "./agents-apart.ts";
import type { AlikeCalls } from "./calls-alike.ts";
import { type InferredTool, inferToolsOf, type ToolsOfRun } from "./inferred-tools.ts";
import { inferredOnce, joinModelCalls, joinToolCalls } from "./runs-together.ts";
import { MODEL_CALL, sameUsage, TOOL_CALL } from "./same-call.ts";
import type { StepFact } from "./step-fact.ts";
import { type Call, callsOf } from "./twins.ts";

/** The records of a run, in any order. */
export interface RunOfFacts {
  facts: readonly StepFact[];
  /** Of the records that are no facts. */
  tree: RunTree;
  /** When the run was over, by the collector's clock; null while it may go on. */
  overTime: string | null;
}

export interface Resolution {
  /** Records of calls that another record counts already. */
  uncounted: { fact: StepFact; sameCallAs: StepFact }[];
  /** What records that count don't know and their twins do. */
  filled: { fact: StepFact; usage: Usage }[];
  inferred: InferredTool[];
}

export const USAGE_COLUMNS = [
  "input_tokens",
  "output_tokens",
  "cache_read_tokens",
  "cache_write_tokens",
  "reasoning_tokens",
  "cost_usd",
] as const satisfies readonly (keyof StepFact)[];
export type Usage = Partial<Pick<StepFact, (typeof USAGE_COLUMNS)[number]>>;

/** A run read: its calls as they are told in it alone. */
export interface RunRead {
  calls: Call[];
  tools: Call[];
  talk: ToolsOfRun;
  /** Log records by the span they are of. */
  logs: ReadonlyMap<string, readonly StepFact[]>;
}

/** What the records of a run tell only together. The same for the same set of records, whatever their order. */
export function readRun({ facts, tree, overTime }: RunOfFacts): RunRead {
  const own = [...new Map(facts.map((fact) => [fact.record_id, fact])).values()];
  const parents = new Map(tree.parents);
  for (const { step_id, parent_id, event } of own) if (event !== "log") parents.set(step_id, parent_id);
  const whole = { parents, agents: tree.agents };
  const steps = own.filter(({ event }) => event === "step");
  const calls = callsOf(
    steps.filter(({ kind, llm_counted }) => kind === "llm" && llm_counted),
    whole,
    MODEL_CALL,
  );
  const tools = callsOf(
    steps.filter(({ kind, tool_name }) => kind === "tool" && tool_name !== ""),
    whole,
    TOOL_CALL,
  );
  const talking = own.filter(({ event, kind }) => event === "log" || (event === "step" && kind === "llm"));
  const logs = Map.groupBy(
    own.filter(({ event }) => event === "log"),
    ({ step_id }) => step_id,
  );
  return { calls, tools, talk: inferToolsOf({ calls, tools, talking, overTime }), logs };
}

/** What runs tell, each alone and all together. */
export function resolveRuns(runs: readonly RunRead[], alike: AlikeCalls = new Map()): Resolution {
  const calls = joinModelCalls(
    runs.flatMap((run) => run.calls),
    alike,
  );
  const tools = joinToolCalls(
    runs.flatMap((run) => run.tools),
    calls,
  );
  const [modelCalls, toolCalls] = [new Set(calls.values()), new Set(tools.values())];
  return {
    uncounted: [...modelCalls, ...toolCalls].flatMap(uncountedOf),
    filled: [...modelCalls].flatMap(filledOf),
    inferred: inferredOnce(
      runs.map(({ talk }) => talk),
      calls,
    ),
  };
}

export function resolveRun(run: RunOfFacts): Resolution {
  return resolveRuns([readRun(run)]);
}

/** Per run, the record_ids of all that it tells of these calls, and of the tools that were asked for in them. */
export function recordsOfCalls(runs: readonly RunRead[], isShared: (fact: StepFact) => boolean): Set<string>[] {
  const told = runs.map(({ calls, logs }) =>
    calls
      .filter(({ members }) => members.some(isShared))
      .flatMap(({ members, summaries }) => [...members, ...summaries])
      .flatMap((fact) => [fact, ...(logs.get(fact.step_id) ?? [])]),
  );
  const asked = new Set(told.flat().flatMap(({ tool_request_ids }) => tool_request_ids));
  return runs.map(({ tools }, n) => {
    const ofTools = tools
      .flatMap(({ members }) => members)
      .filter(({ tool_call_id }) => tool_call_id !== "" && asked.has(tool_call_id));
    return new Set([...(told[n] ?? []), ...ofTools].map(({ record_id }) => record_id));
  });
}

function uncountedOf({ counts, members, summaries }: Call): Resolution["uncounted"] {
  return [...members, ...summaries].filter((fact) => fact !== counts).map((fact) => ({ fact, sameCallAs: counts }));
}

function filledOf({ counts, members }: Call): Resolution["filled"] {
  const usage: Usage = {};
  for (const twin of members) {
    if (twin === counts || !sameUsage(counts, twin)) continue;
    if (counts.cost_usd === null && twin.cost_usd !== null) usage.cost_usd ??= twin.cost_usd;
    for (const column of USAGE_COLUMNS) {
      if (column !== "cost_usd" && counts[column] === null && twin[column] !== null) usage[column] ??= twin[column];
    }
  }
  return Object.keys(usage).length === 0 ? [] : [{ fact: counts, usage }];
}
