import { parameterLists, type QueryParameters, type Rows } from "@runledger/storage";
import { type Link, type RunTree, treeOf } from "./agents-apart.ts";
import { type Answers, answersTold } from "./answers.ts";
import { type AlikeCalls, callsAlike } from "./calls-alike.ts";
import type { CorrectionRow } from "./correction-row.ts";
import type { Asked } from "./model-call-index.ts";
import type { RunOfFacts } from "./resolve-run.ts";
import { FACT_COLUMNS, OWN_DIALECT, type StepFact, withNumbers } from "./step-fact.ts";

/** What `runs` tells of a run. */
export interface RunState {
  run_id: string;
  /** How many records it has: when it has changed, the run has. */
  records: number;
  /** Model and tool calls; without any there is nothing to find out. */
  calls: number;
  /** When its records were received, RFC 3339. */
  first_received_time: string;
  last_seen_time: string;
  /** Its root span or end record was seen, or nothing of it for so long that it is abandoned. */
  over: boolean;
}

/** The newest row of a correction. */
export interface StandingRow
  extends Pick<
    CorrectionRow,
    "tenant" | "run_id" | "record_id" | "what" | "shown_by" | "start_time" | "received_time" | "content_sha256"
  > {
  in_force: boolean;
  version: number;
}

/** Records of one run from (time, record id) on, or before it. */
export interface Place {
  time: string;
  recordId: string;
}

export interface RunKey {
  tenant: string;
  run_id: string;
}

/** What the resolver asks ClickHouse. Rows that were inserted before a call are among its answer. */
export interface RunRows {
  states(tenant: string, runIds: readonly string[]): Promise<Map<string, RunState>>;
  /** All facts of these runs, and the tree of their other records. */
  facts(tenant: string, runs: readonly RunState[]): Promise<Map<string, RunOfFacts>>;
  /** Facts of one run next to a place, in the order of time: at most `limit` from it on, or before it. */
  factsAt(tenant: string, run: RunState, side: "from" | "before", place: Place, limit: number): Promise<StepFact[]>;
  /** These spans of one run, and those above them, as far up as is looked. */
  treeAbove(tenant: string, run: RunState, stepIds: readonly string[]): Promise<RunTree>;
  /** Every correction that was ever written of these runs, or of one and what began between two times, both included. */
  standing(tenant: string, runIds: readonly string[]): Promise<StandingRow[]>;
  standingBetween(tenant: string, runId: string, from: string, to: string): Promise<StandingRow[]>;
  /** Of these runs, those whose sums do not have all of their corrections in them. */
  notSummedUp(tenant: string, runIds: readonly string[]): Promise<string[]>;
  /** Which answers that these records tell of another instrumentation tells of too, in any run. */
  answers(tenant: string, facts: readonly StepFact[]): Promise<Answers>;
  /** Which model calls other sources tell of that may be these, where not both know the answer's id. */
  callsAlike(tenant: string, facts: readonly Asked[]): Promise<AlikeCalls>;
  /** Whether other journals than one ever wrote here. */
  severalCollectors(): Promise<boolean>;
  /** Runs with calls and without an end that were last heard of from `since` on and before `until`, in order of their id. */
  silentRuns(since: string, until: string, after: RunKey, limit: number): Promise<RunKey[]>;
  /** Runs that somebody else's telemetry has a part in, in order of their id. */
  foreignRuns(after: RunKey, limit: number): Promise<RunKey[]>;
}

/** Of model and tool calls, and of what else speaks of tools. */
const IS_FACT = `(event = 'step' AND kind IN ('llm', 'tool') OR event = 'log' AND (notEmpty(tool_request_names) OR notEmpty(tool_result_ids)))`;
const OF_RUNS = `tenant = {tenant:String} AND run_id IN {run_ids:Array(String)}`;
const WITHIN = `received_time BETWEEN parseDateTime64BestEffort({first:String}, 9, 'UTC') AND parseDateTime64BestEffort({last:String}, 9, 'UTC')`;
const BEGAN_WITHIN = `start_time BETWEEN parseDateTime64BestEffort({from:String}, 9, 'UTC') AND parseDateTime64BestEffort({to:String}, 9, 'UTC')`;
/** Spans between a call and the call or agent around it, in runs too large to be read whole. */
const MAX_LEVELS = 8;
const COLUMNS = FACT_COLUMNS.join(", ");
const LINK_COLUMNS = "step_id, parent_id, kind, agent_name";

/** `abandonedBefore`: a run that was last heard of before this, RFC 3339, is over. */
export function createRunRows(rows: Rows, abandonedBefore: () => string): RunRows {
  return {
    async states(tenant, runIds) {
      const parameters = { tenant, run_ids: runIds, abandoned_before: abandonedBefore() };
      const found = await rows.query<RunState>(STATES, parameters);
      return new Map(
        found.map((run) => [run.run_id, { ...run, records: Number(run.records), calls: Number(run.calls) }]),
      );
    },
    async facts(tenant, runs) {
      const parameters = { tenant, run_ids: runs.map(({ run_id }) => run_id), ...boundsOf(runs) };
      const [facts, links] = await Promise.all([
        rows.query<StepFact>(`SELECT ${COLUMNS} FROM steps WHERE ${OF_RUNS} AND ${WITHIN} AND ${IS_FACT}`, parameters),
        rows.query<Link & { run_id: string }>(
          `SELECT run_id, ${LINK_COLUMNS} FROM steps
           WHERE ${OF_RUNS} AND ${WITHIN} AND event != 'log' AND (parent_id != '' OR kind = 'agent') AND NOT ${IS_FACT}`,
          parameters,
        ),
      ]);
      const linksOf = Map.groupBy(links, ({ run_id }) => run_id);
      const factsOf = Map.groupBy(facts.map(withNumbers), ({ run_id }) => run_id);
      return new Map(
        runs.map((run) => [
          run.run_id,
          {
            facts: factsOf.get(run.run_id) ?? [],
            tree: treeOf(linksOf.get(run.run_id) ?? []),
            overTime: run.over ? run.last_seen_time : null,
          },
        ]),
      );
    },
    async factsAt(tenant, run, side, place, limit) {
      const [sign, direction] = side === "from" ? [">=", "ASC"] : ["<", "DESC"];
      const sql = `SELECT ${COLUMNS} FROM steps WHERE ${OF_RUNS} AND ${WITHIN} AND ${IS_FACT}
        AND (start_time, record_id) ${sign} (parseDateTime64BestEffort({time:String}, 9, 'UTC'), {record_id:String})
        ORDER BY start_time ${direction}, record_id ${direction} LIMIT {limit:UInt32}`;
      const bounds = { tenant, run_ids: [run.run_id], ...boundsOf([run]) };
      const found = await rows.query<StepFact>(sql, { ...bounds, time: place.time, record_id: place.recordId, limit });
      const facts = found.map(withNumbers);
      return side === "from" ? facts : facts.reverse();
    },
    async treeAbove(tenant, run, stepIds) {
      const links: Link[] = [];
      const seen = new Set<string>();
      const bounds = { tenant, run_ids: [run.run_id], ...boundsOf([run]) };
      let level = new Set(stepIds);
      for (let n = 0; n < MAX_LEVELS && level.size > 0; n++) {
        const above = new Set<string>();
        for (const wanted of parameterLists(level)) {
          const found = await rows.query<Link>(
            `SELECT ${LINK_COLUMNS} FROM steps WHERE ${OF_RUNS} AND ${WITHIN} AND event != 'log' AND step_id IN {wanted:Array(String)}`,
            { ...bounds, wanted },
          );
          links.push(...found);
          for (const { step_id } of found) seen.add(step_id);
          for (const { parent_id } of found) if (parent_id !== "") above.add(parent_id);
        }
        level = new Set([...above].filter((id) => !seen.has(id)));
      }
      return treeOf(links);
    },
    standing: (tenant, runIds) => standing(rows, OF_RUNS, { tenant, run_ids: runIds }),
    standingBetween: (tenant, runId, from, to) =>
      standing(rows, `${OF_RUNS} AND ${BEGAN_WITHIN}`, { tenant, run_ids: [runId], from, to }),
    async notSummedUp(tenant, runIds) {
      const found: { run_id: string }[] = [];
      for (const run_ids of parameterLists(runIds))
        found.push(...(await rows.query<{ run_id: string }>(NOT_SUMMED_UP, { tenant, run_ids })));
      return found.map(({ run_id }) => run_id);
    },
    answers: (tenant, facts) => answersTold(rows, tenant, facts),
    callsAlike: (tenant, facts) => callsAlike(rows, tenant, facts),
    severalCollectors: async () => (await rows.query("SELECT 1 FROM journals FINAL LIMIT 2")).length > 1,
    silentRuns: (since, until, after, limit) =>
      rows.query(SILENT_RUNS, { since, until, tenant: after.tenant, run_id: after.run_id, limit }),
    foreignRuns: (after, limit) =>
      rows.query(
        `SELECT DISTINCT tenant, run_id FROM steps
         WHERE (tenant, run_id) > ({tenant:String}, {run_id:String}) AND dialect != {own:String} AND ${IS_FACT}
         ORDER BY tenant, run_id LIMIT {limit:UInt32}`,
        { tenant: after.tenant, run_id: after.run_id, own: OWN_DIALECT, limit },
      ),
  };
}

async function standing(rows: Rows, where: string, parameters: QueryParameters): Promise<StandingRow[]> {
  const sql = `SELECT tenant, run_id, record_id, what, shown_by, start_time, received_time, content_sha256, in_force, version
    FROM corrections FINAL WHERE ${where}`;
  const found = await rows.query<StandingRow>(sql, parameters);
  return found.map((row) => ({ ...row, version: Number(row.version) }));
}

/** A crash may have left the sums of a run behind its corrections: the version of its sums is the sum of their versions. */
const NOT_SUMMED_UP = `
SELECT run_id FROM (SELECT run_id, sum(version) AS corrected FROM corrections FINAL WHERE ${OF_RUNS} GROUP BY run_id) AS corrections
LEFT ANY JOIN (SELECT run_id, version FROM run_corrections FINAL WHERE ${OF_RUNS}) AS sums USING run_id
WHERE corrected != sums.version`;

const STATES = `
SELECT run_id, sum(records) AS records, sum(llm_calls) + sum(tool_calls) AS calls, min(first_received_time) AS first_received_time,
  max(last_seen_time) AS last_seen_time, max(ended).rank > 0 OR max(root).seen > 0
    OR last_seen_time < parseDateTime64BestEffort({abandoned_before:String}, 9, 'UTC') AS over
FROM runs WHERE ${OF_RUNS} GROUP BY run_id`;

const SILENT_RUNS = `
SELECT tenant, run_id FROM runs
WHERE last_seen_time >= parseDateTime64BestEffort({since:String}, 9, 'UTC') AND (tenant, run_id) > ({tenant:String}, {run_id:String})
GROUP BY tenant, run_id
HAVING max(last_seen_time) < parseDateTime64BestEffort({until:String}, 9, 'UTC')
  AND max(ended).rank = 0 AND max(root).seen = 0 AND sum(llm_calls) > 0
ORDER BY tenant, run_id LIMIT {limit:UInt32}`;

function boundsOf(runs: readonly RunState[]) {
  const firsts = runs.map((run) => run.first_received_time).sort();
  const lasts = runs.map((run) => run.last_seen_time).sort();
  return { first: firsts[0] ?? "", last: lasts.at(-1) ?? "" };
}
